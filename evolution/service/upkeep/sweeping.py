"""The server's upkeep: files of old jobs go, and the bytes that nothing names any longer."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from evolution.service.core import Service
from evolution.service.errors import ServiceError
from evolution.service.store.models import Artifact, Audit, Job, Resource
from evolution.service.upkeep.removing import Removed, remove_files
from evolution.service.upkeep.retention import DAY_S, removable

UPKEEP = "upkeep"
# How long bytes are looked for that could not be removed at once: because the server was
# stopped, or a worker had just asked for them.
_AGAIN_S = 30 * DAY_S
_AT_ONCE = 500
_log = logging.getLogger("metronas.upkeep")


def keep_house(service: Service) -> None:
    """One round of upkeep; each removal is in the audit log and in the server's."""
    if service.settings.keep_days is not None:
        remove_old(service, service.settings.keep_days)
    files, freed = drop_bytes(service)
    if files:
        _log.info("bytes removed", extra={"fields": {"files": files, "size_bytes": freed}})


def remove_old(service: Service, keep_days: float) -> list[int]:
    """Removes the files of old jobs; returns the jobs."""
    with service.database.read() as session:
        wanted = removable(session, service.clock(), keep_days)
        newest = session.scalar(select(func.max(Job.id))) or 0
    gone = []
    for job_id in wanted:
        if service.stopping.is_set():
            break
        try:
            removed = _remove(service, job_id, newest, keep_days)
        except ServiceError as error:
            # Something was submitted meanwhile; the next round sees it.
            _log.info("files stay", extra={"fields": {"job": job_id, "reason": str(error)}})
            continue
        gone.append(job_id)
        _log.info("files removed", extra={"fields": {"job": job_id, **removed.as_json()}})
    return gone


def _remove(service: Service, job_id: int, newest: int, keep_days: float) -> Removed:
    with service.database.write() as session:
        now_s = service.clock()
        removed = remove_files(session, job_id, None, now_s, after=newest)
        session.add(Audit(
            created_at_s=now_s, user_name=UPKEEP, token_id=None, address="",
            action="remove files", subject=f"job {job_id}",
            detail={"keep_days": keep_days, **removed.as_json()}))
    return removed


def drop_bytes(service: Service) -> tuple[int, int]:
    """Removes the bytes of what was removed, where nothing else names them.

    Only files that this database knew are looked at: others that share the folder are not.

    Returns:
        How many files, and how many bytes.
    """
    with service.database.read() as session:
        since_s = service.clock() - _AGAIN_S
        wanted = set(session.scalars(
            select(Artifact.sha256).join(Job, Job.id == Artifact.job_id)
            .where(Job.files_removed_at_s > since_s)))
        for files in session.scalars(select(Resource.files).where(
                Resource.removed_at_s > since_s)):
            wanted |= {file["sha256"] for file in files}
        if not wanted:
            return 0, 0
        wanted -= set(_named(session, wanted))
    sizes = [service.blobs.remove(sha256) for sha256 in sorted(wanted)]
    return sum(size > 0 for size in sizes), sum(sizes)


def _named(session: Session, wanted: set[str]) -> Iterator[str]:
    """Those of some files that something names which was not removed."""
    listed = sorted(wanted)
    for start in range(0, len(listed), _AT_ONCE):
        yield from session.scalars(
            select(Artifact.sha256).join(Job, Job.id == Artifact.job_id)
            .where(Job.files_removed_at_s.is_(None),
                   Artifact.sha256.in_(listed[start:start + _AT_ONCE])))
    for files in session.scalars(select(Resource.files).where(Resource.removed_at_s.is_(None))):
        yield from (file["sha256"] for file in files)
