"""Files that workers fetch and hand over, by their digest."""

from __future__ import annotations

from contextlib import ExitStack

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.responses import FileResponse

from evolution.service.accounts import Role
from evolution.service.api.params import Digest
from evolution.service.api.routing import Routes, service_of

routes = Routes("workers")
_BYTES = {"requestBody": {"required": True, "content": {"application/octet-stream": {
    "schema": {"type": "string", "format": "binary"}}}}}


@routes.add("GET", "/blobs/{sha256}", Role.worker, response_class=FileResponse)
def fetch(request: Request, sha256: Digest) -> FileResponse:
    """The bytes of a file."""
    return FileResponse(service_of(request).blobs.path(sha256),
                        media_type="application/octet-stream")


@routes.add("HEAD", "/blobs/{sha256}", Role.worker, status_code=204)
def known(request: Request, sha256: Digest) -> Response:
    """Whether a file need not be sent again."""
    service_of(request).blobs.touch(sha256)
    return Response(status_code=204)


@routes.add("PUT", "/blobs/{sha256}", Role.worker, status_code=204, openapi_extra=_BYTES)
async def send(request: Request, sha256: Digest) -> Response:
    """Keeps a file; whole or not at all, and checked against its digest."""
    service = service_of(request)
    limit = service.settings.file_bytes
    with ExitStack() as stack:
        incoming = await run_sync(stack.enter_context, service.blobs.incoming(
            sha256=sha256, limit_bytes=limit))
        async for chunk in request.stream():
            await run_sync(incoming.write, chunk)
        # Large files take seconds to reach the disk, and heartbeats must not wait for them.
        await run_sync(stack.close)
    return Response(status_code=204)
