"""What workers ask and tell."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from evolution.service.accounts import Role
from evolution.service.api.params import LeaseId, WorkerId
from evolution.service.api.routing import Routes, audit, caller_of, service_of
from evolution.service.core import Service
from evolution.service.errors import ServiceError
from evolution.service.protocol import (
    Alive,
    Finish,
    Heartbeat,
    InputFile,
    LeaseMessage,
    Registered,
    Registration,
    Released,
    Source,
)
from evolution.service.queue.records import Claim, File, Handover, Leased, Made, Progress
from evolution.service.store.models import Resource

routes = Routes("workers")
_NOTHING: dict[int | str, dict[str, Any]] = {204: {"description": "Nothing to do"}}


@routes.add("POST", "/workers", Role.worker)
def register(request: Request, said: Registration) -> Registered:
    """Makes a worker and its device known; what its predecessor held is queued again."""
    service = service_of(request)
    worker, _ = service.queue.register(caller_of(request).user_id, Claim(**said.model_dump()))
    audit(request, "register", f"{said.machine}/{said.device}")
    return Registered(worker=worker, lease_s=service.queue.limits.lease_s,
                      poll_s=service.settings.poll_s)


@routes.add("POST", "/workers/{worker_id}/lease", Role.worker, response_model=LeaseMessage,
            responses=_NOTHING)
def lease(request: Request, worker_id: WorkerId) -> LeaseMessage | Response:
    """The job whose turn it is on the worker's device."""
    service = service_of(request)
    leased = service.queue.lease(worker_id, caller_of(request).user_id)
    if leased is None:
        return Response(status_code=204)
    return LeaseMessage(
        lease=leased.lease_id, fence=leased.fence, lease_s=leased.lease_s, job=leased.job_id,
        kind=leased.kind, parameters=leased.parameters, attempt=leased.attempt,
        sources=[Source.model_validate(item) for item in leased.inputs],
        inputs=_inputs(service, leased))


@routes.add("POST", "/leases/{lease_id}/heartbeat", Role.worker)
def heartbeat(request: Request, lease_id: LeaseId, said: Heartbeat) -> Alive:
    """Keeps a lease alive and reports progress; tells whether the job is to be cancelled."""
    progress = Progress(tuple(said.lines), said.done, said.total)
    return Alive(cancel=service_of(request).queue.heartbeat(
        lease_id, said.fence, caller_of(request).user_id, progress))


@routes.add("POST", "/leases/{lease_id}/finish", Role.worker, status_code=204)
def finish(request: Request, lease_id: LeaseId, said: Finish) -> None:
    """Ends a job; its files must have been sent before."""
    service = service_of(request)
    missing = [file.path for file in said.files if not service.blobs.has(file.sha256)]
    if missing:
        raise ServiceError(f"{len(missing)} files were not sent, such as '{missing[0]}'")
    files = tuple(File(**file.model_dump()) for file in said.files)
    made = tuple(Made(**made.model_dump()) for made in said.made)
    service.queue.finish(lease_id, said.fence, caller_of(request).user_id,
                         Handover(said.outcome, said.message, files, made, said.summary))


@routes.add("POST", "/leases/{lease_id}/release", Role.worker, status_code=204)
def release(request: Request, lease_id: LeaseId, said: Released) -> None:
    """Gives a job back, because its worker stops."""
    service_of(request).queue.release(lease_id, said.fence, caller_of(request).user_id)


def _inputs(service: Service, leased: Leased) -> list[InputFile]:
    found = []
    with service.database.read() as session:
        for item in leased.inputs:
            for file in session.get_one(Resource, item["resource"]).files:
                path = f"{item['place']}/{file['path']}"
                found.append(InputFile(path=path, sha256=file["sha256"],
                                       size_bytes=file["size_bytes"]))
    return found
