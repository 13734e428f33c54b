"""Files of jobs: downloaded with a token, or opened in a browser with a short-lived ticket."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import FileResponse

from evolution.service.accounts import Role
from evolution.service.api.params import ArtifactId
from evolution.service.api.routing import Routes, service_of
from evolution.service.api.views import TicketView
from evolution.service.core import Service
from evolution.service.errors import ForbiddenError, NotFoundError
from evolution.service.store.models import Artifact, Job
from evolution.service.upkeep.removing import check_kept

routes, viewing = Routes("artifacts"), Routes("artifacts", prefix="")
_VALID_S = 300.0
_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json",
          "txt": "text/plain; charset=utf-8", "png": "image/png"}
# Pages of jobs run their own scripts, apart from this site: they can ask it for nothing.
_SANDBOX = ("sandbox allow-scripts allow-popups; default-src 'none'; img-src data: blob:; "
            "script-src 'unsafe-inline'; style-src 'unsafe-inline'; font-src data:")
_Signature = Annotated[str, Path(pattern="^[0-9a-f]{64}$", examples=["0123abcd" * 8])]
_Until = Annotated[int, Path(ge=0, le=2**40, description="Seconds since 1970.",
                              examples=[1700000000])]


@routes.add("GET", "/artifacts/{artifact_id}", Role.viewer, response_class=FileResponse)
def download(request: Request, artifact_id: ArtifactId) -> FileResponse:
    """The bytes of a file."""
    artifact = _artifact(service_of(request), artifact_id)
    return FileResponse(
        service_of(request).blobs.path(artifact.sha256), media_type="application/octet-stream",
        filename=artifact.path.rsplit("/", 1)[-1], headers={"X-SHA256": artifact.sha256})


@routes.add("POST", "/artifacts/{artifact_id}/ticket", Role.viewer)
def ticket(request: Request, artifact_id: ArtifactId) -> TicketView:
    """An address under which a browser can open the file for five minutes."""
    service = service_of(request)
    _artifact(service, artifact_id)
    until = int(service.clock() + _VALID_S)
    signature = _sign(service, artifact_id, until)
    return TicketView(url=f"/view/{artifact_id}/{until}/{signature}", expires_at_s=until)


@viewing.add("GET", "/view/{artifact_id}/{until}/{signature}", Role.anyone,
             response_class=FileResponse)
def view(request: Request, artifact_id: ArtifactId, until: _Until, signature: _Signature
         ) -> FileResponse:
    """Shows a file to whoever has its ticket."""
    service = service_of(request)
    wanted = _sign(service, artifact_id, until)
    if not hmac.compare_digest(wanted, signature) or until < service.clock():
        raise ForbiddenError("this ticket is no good, or no longer; ask for another")
    artifact = _artifact(service, artifact_id)
    suffix = artifact.path.rsplit(".", 1)[-1].lower()
    return FileResponse(service.blobs.path(artifact.sha256),
                        media_type=_TYPES.get(suffix, "text/plain; charset=utf-8"),
                        headers={"Content-Security-Policy": _SANDBOX})


def _artifact(service: Service, number: int) -> Artifact:
    with service.database.read() as session:
        found = session.get(Artifact, number)
        if found is None:
            raise NotFoundError(f"no artifact {number}")
        check_kept(session.get_one(Job, found.job_id))
    return found


def _sign(service: Service, number: int, until: int) -> str:
    return hmac.new(service.secret, f"{number} {until}".encode(), hashlib.sha256).hexdigest()
