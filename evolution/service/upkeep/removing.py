"""Removes an upload, or what a job handed over: the rows stay, and say when.

The bytes go when `evolution.service.upkeep.sweeping` finds that nothing else names them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from evolution.service.errors import ConflictError, ForbiddenError, GoneError, NotFoundError
from evolution.service.queue.records import ENDED
from evolution.service.store.models import Artifact, Event, Job, Resource
from evolution.service.upkeep.room import UPLOAD, size_of
from evolution.service.upkeep.uses import check_unused


@dataclass(frozen=True)
class Removed:
    """What was removed of a job.

    Attributes:
        files: how many.
        size_bytes: of all files; those that something else names as well free no room.
        lines: of its log.
        resources: what it had made, such as ``table 5``.
    """

    files: int
    size_bytes: int
    lines: int
    resources: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For the audit log."""
        return asdict(self) | {"resources": list(self.resources)}


def check_kept(job: Job) -> None:
    """Makes sure that a job's files are there.

    Raises:
        GoneError: they were removed.
    """
    if job.files_removed_at_s is not None:
        when = datetime.fromtimestamp(job.files_removed_at_s, UTC)
        raise GoneError(f"files and log of job {job.id} were removed on {when:%Y-%m-%d}")


def remove_upload(session: Session, number: int, kind: str, owner_id: int | None, now_s: float
                  ) -> int:
    """Removes an upload.

    Args:
        session: of a writing transaction.
        number: of the resource.
        kind: model or table.
        owner_id: whose it must be; None: anybody's.
        now_s: the time.

    Returns:
        Its size in bytes.

    Raises:
        NotFoundError: there is none of that kind.
        GoneError: it was removed before.
        ForbiddenError: it is somebody else's.
        ConflictError: a job made it, or one that has not ended uses it.
    """
    found = session.get(Resource, number)
    if found is None or found.kind != kind:
        raise NotFoundError(f"no {kind} {number}")
    if found.origin != UPLOAD:
        raise ConflictError(f"{kind} {number} is no upload; it goes with the files of job "
                            f"{found.job_id}")
    if owner_id is not None and found.user_id != owner_id:
        raise ForbiddenError(f"{kind} {number} is somebody else's")
    if found.removed_at_s is not None:
        raise GoneError(f"{kind} {number} was removed already")
    check_unused(session, [number], f"{kind} {number}")
    found.removed_at_s = now_s
    return size_of(found)


def remove_files(session: Session, job_id: int, owner_id: int | None, now_s: float,
                 after: int | None = None) -> Removed:
    """Removes files and log of an ended job, and the resources that it made.

    Args:
        session: of a writing transaction.
        job_id: the job.
        owner_id: whose it must be; None: anybody's.
        now_s: the time.
        after: see `check_unused`.

    Raises:
        NotFoundError: no such job.
        GoneError: they were removed before.
        ForbiddenError: it is somebody else's.
        ConflictError: it has not ended, or a job that has not ended uses what it made.
    """
    job = session.get(Job, job_id)
    if job is None:
        raise NotFoundError(f"no job {job_id}")
    if owner_id is not None and job.user_id != owner_id:
        raise ForbiddenError(f"job {job_id} is somebody else's")
    if job.state not in ENDED:
        raise ConflictError(f"job {job_id} has not ended ({job.state}); cancel it first")
    check_kept(job)
    made = session.scalars(select(Resource).where(
        Resource.job_id == job_id, Resource.removed_at_s.is_(None))).all()
    check_unused(session, [item.id for item in made], f"what job {job_id} made", after)
    files, size_bytes = session.execute(
        select(func.count(), func.coalesce(func.sum(Artifact.size_bytes), 0))
        .where(Artifact.job_id == job_id)).tuples().one()
    log = (Event.job_id == job_id, Event.kind != "state")
    lines = session.scalar(select(func.count()).select_from(Event).where(*log)) or 0
    session.execute(delete(Event).where(*log))
    job.files_removed_at_s = now_s
    for item in made:
        item.removed_at_s = now_s
    return Removed(files, int(size_bytes), lines,
                   tuple(f"{item.kind} {item.id}" for item in made))
