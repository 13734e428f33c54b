"""Ends jobs: finished, failed, cancelled, or given back by a worker that stops."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePosixPath

from sqlalchemy.orm import Session

from evolution.service.errors import ConflictError, ForbiddenError, NotFoundError, StaleLeaseError
from evolution.service.queue.events import note
from evolution.service.queue.expiry import give_back
from evolution.service.queue.leasing import held_lease
from evolution.service.queue.records import (
    CANCELLED,
    ENDED,
    QUEUED,
    RELEASED,
    File,
    Handover,
    Limits,
    Made,
)
from evolution.service.store.models import Artifact, Job, Lease, Resource


def finish(session: Session, lease_id: int, fence: int, user_id: int, handover: Handover,
           now_s: float) -> Job:
    """See `Queue.finish`."""
    held = held_lease(session, lease_id, fence, user_id)
    job = session.get_one(Job, held.job_id)
    if held.ended_at_s is not None:
        # The answer to the first call may have been lost.
        if held.outcome == handover.outcome:
            return job
        raise StaleLeaseError(f"lease {lease_id} has ended ({held.outcome}); its result is not "
                              "taken")
    held.ended_at_s, held.outcome = now_s, handover.outcome
    job.state, job.finished_at_s = handover.outcome, now_s
    job.message, job.summary = handover.message, handover.summary
    _keep(session, job, handover, now_s)
    session.flush()
    note(session, job.id, "state", {"state": job.state, "message": job.message}, now_s, held.id)
    return job


def _keep(session: Session, job: Job, handover: Handover, now_s: float) -> None:
    for file in handover.files:
        session.add(Artifact(job_id=job.id, **asdict(file)))
    for made in handover.made:
        session.add(Resource(
            kind=made.kind, target=made.target, key=made.key, info=made.info, origin="job",
            files=[asdict(file) for file in _below(made, handover.files)],
            user_id=job.user_id, job_id=job.id, created_at_s=now_s))


def _below(made: Made, files: tuple[File, ...]) -> list[File]:
    root = PurePosixPath(made.root)
    found = [file for file in files if PurePosixPath(file.path).is_relative_to(root)]
    return [File(str(PurePosixPath(file.path).relative_to(root)), file.sha256, file.size_bytes)
            for file in found]


def release(session: Session, lease_id: int, fence: int, user_id: int, now_s: float,
            limits: Limits) -> None:
    """See `Queue.release`."""
    held: Lease = held_lease(session, lease_id, fence, user_id)
    if held.ended_at_s is None:
        give_back(session, held, RELEASED, now_s, limits)
    elif held.outcome != RELEASED:
        raise StaleLeaseError(f"lease {lease_id} has ended ({held.outcome})")


def cancel(session: Session, job_id: int, owner_id: int | None, now_s: float) -> Job:
    """See `Queue.cancel`."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFoundError(f"no job {job_id}")
    if owner_id is not None and job.user_id != owner_id:
        raise ForbiddenError(f"job {job_id} is somebody else's")
    if job.state in ENDED:
        raise ConflictError(f"job {job_id} has ended already ({job.state})")
    if job.state == QUEUED:
        job.state, job.message, job.finished_at_s = CANCELLED, "cancelled", now_s
        note(session, job.id, "state", {"state": CANCELLED}, now_s)
    elif not job.cancel_requested:
        job.cancel_requested = True
        note(session, job.id, "state", {"state": job.state, "cancel": True}, now_s)
    return job
