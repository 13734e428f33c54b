"""Models and tables from outside."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import HTTPException, Request
from starlette.datastructures import FormData, UploadFile

from evolution.service.accounts import Role
from evolution.service.api.bodies import ENVELOPE_BYTES
from evolution.service.api.params import ResourceId
from evolution.service.api.routing import Routes, audit, caller_of, service_of
from evolution.service.api.views import ResourceView, resource_view
from evolution.service.catalogue import MODEL, TABLE
from evolution.service.core import Service
from evolution.service.errors import ServiceError
from evolution.service.store.models import Resource
from evolution.service.upkeep.removing import remove_upload
from evolution.service.upkeep.room import UPLOAD, check_room, say_bytes
from evolution.service.uploads.judging import judge

routes = Routes("resources")
_TABLE_FILES = ("table.json", "table.parquet", "networks.parquet")
_PATH = re.compile(r"[/\\\x00]|^\.\.?$")
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def _form(*names: str) -> dict[str, Any]:
    parts = {name: {"type": "string", "format": "binary"} for name in names}
    schema = {"type": "object", "required": list(names), "properties": parts}
    return {"requestBody": {"required": True,
                            "content": {"multipart/form-data": {"schema": schema}}}}


@routes.add("POST", "/models", Role.submitter, status_code=201, openapi_extra=_form("model.onnx"))
async def upload_model(request: Request) -> ResourceView:
    """Takes an ONNX model, weights inside: ``curl -F model.onnx=@resnet18.onnx``."""
    async with _received(request, service_of(request).settings.model_bytes), \
            request.form(max_files=1, max_fields=0) as form:
        given = str(getattr(form.get("model.onnx"), "filename", None) or "model")
        # A label for people; it never becomes a path, but who sends one means no good.
        if _PATH.search(given):
            raise ServiceError(f"file name '{given[:100]}' must be a name, not a path")
        name = _PLAIN.sub("_", given)[:100].strip("._-")
        return await _take(request, form, MODEL, ("model.onnx",), name or "model")


@routes.add("POST", "/tables", Role.submitter, status_code=201,
            openapi_extra=_form(*_TABLE_FILES))
async def upload_table(request: Request) -> ResourceView:
    """Takes a latency table that was measured elsewhere; its provenance is kept."""
    async with _received(request, service_of(request).settings.table_bytes), \
            request.form(max_files=3, max_fields=0) as form:
        return await _take(request, form, TABLE, _TABLE_FILES, "")


@asynccontextmanager
async def _received(request: Request, most_bytes: int) -> AsyncIterator[None]:
    """Holds room for what is received, which lies on the disk before it is judged.

    Raises:
        TooLargeError: what it announces is sure not to fit; what it really is counts later.
        HTTPException: others that are being received leave no room.
    """
    service, length = service_of(request), request.headers.get("content-length", "")
    size_bytes = int(length) if length.isdecimal() else most_bytes
    least = max(0, size_bytes - ENVELOPE_BYTES) if length.isdecimal() else 0
    await run_sync(_check_room, service, caller_of(request).user_id, least)
    taken = service.receiving_bytes
    if taken and taken + size_bytes > service.settings.receiving_bytes:
        raise HTTPException(
            503, f"{say_bytes(taken)} of uploads are being received; send these "
            f"{say_bytes(size_bytes)} again later", headers={"Retry-After": "10"})
    service.receiving_bytes += size_bytes  # on the event loop alone, so nobody comes between
    try:
        yield
    finally:
        service.receiving_bytes -= size_bytes


@routes.add("DELETE", "/models/{number}", Role.submitter, status_code=204)
def delete_model(request: Request, number: ResourceId) -> None:
    """Removes an uploaded model of one's own; admins remove any. Jobs in the queue keep theirs."""
    _delete(request, MODEL, number)


@routes.add("DELETE", "/tables/{number}", Role.submitter, status_code=204)
def delete_table(request: Request, number: ResourceId) -> None:
    """Removes an uploaded table of one's own; admins remove any. Jobs in the queue keep theirs."""
    _delete(request, TABLE, number)


def _delete(request: Request, kind: str, number: int) -> None:
    service, caller = service_of(request), caller_of(request)
    owner = None if caller.sees_all else caller.user_id
    with service.database.write() as session:
        size_bytes = remove_upload(session, number, kind, owner, service.clock())
    audit(request, "delete", f"{kind} {number}", {"size_bytes": size_bytes})


async def _take(request: Request, form: FormData, kind: str, names: tuple[str, ...], key: str
                ) -> ResourceView:
    given = {name: form.get(name) for name in names}
    if set(form) != set(names) or not all(isinstance(f, UploadFile) for f in given.values()):
        raise ServiceError(f"send these files as multipart/form-data: {', '.join(names)}")
    files = {name: file for name, file in given.items() if isinstance(file, UploadFile)}
    view: ResourceView = await run_sync(_keep, request, kind, files, key,
                                        limiter=service_of(request).judging)
    return view


def _keep(request: Request, kind: str, files: dict[str, UploadFile], key: str) -> ResourceView:
    service, caller = service_of(request), caller_of(request)
    size_bytes = sum(file.size or 0 for file in files.values())
    _check_room(service, caller.user_id, size_bytes)  # before it is judged
    with service.blobs.scratch() as folder:
        for name, file in files.items():
            with (folder / name).open("wb") as copy:
                while chunk := file.file.read(1 << 20):
                    copy.write(chunk)
        info = judge(kind, folder)
        if kind == TABLE:
            key = (f"{info['recipe']}-{info['runtime']}-{info['precision']}-b{info['batch']}"
                   f"-t{info['threads']}")
        # One at a time, or two that are sent together would fit one by one.
        with service.keeping:
            _check_room(service, caller.user_id, size_bytes)
            kept = [_file(service, folder / name) for name in files]
            with service.database.write() as session:
                resource = Resource(
                    kind=kind, target=info.get("target", ""), key=key, info=info, files=kept,
                    origin=UPLOAD, user_id=caller.user_id, job_id=None,
                    created_at_s=service.clock())
                session.add(resource)
    audit(request, "upload", f"{kind} {resource.id}", {"key": key})
    return resource_view(resource, caller.name)


def _check_room(service: Service, user_id: int, size_bytes: int) -> None:
    with service.database.read() as session:
        check_room(session, user_id, size_bytes, service.settings.upload_bytes)


def _file(service: Service, path: Path) -> dict[str, Any]:
    limit = max(service.settings.model_bytes, service.settings.table_bytes)
    sha256, size_bytes = service.blobs.put_file(path, limit_bytes=limit)
    return {"path": path.name, "sha256": sha256, "size_bytes": size_bytes}
