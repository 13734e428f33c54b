"""A job's events: changes of its state, its progress, lines of its log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from evolution.service.queue.records import Progress
from evolution.service.store.models import Event, Job, Lease


def note(session: Session, job_id: int, kind: str, data: dict[str, Any], now_s: float,
         lease_id: int | None = None) -> None:
    """Adds an event of the queue itself."""
    session.add(Event(job_id=job_id, lease_id=lease_id, number=None, created_at_s=now_s,
                      kind=kind, data=data))
    session.flush()


def report(session: Session, lease: Lease, job: Job, progress: Progress, now_s: float,
           limit: int) -> None:
    """Keeps what a worker reports; lines that it reported before are left out.

    Args:
        session: of a writing transaction.
        lease: the worker's.
        job: the lease's.
        progress: what it reports.
        now_s: the time.
        limit: events kept of one job; later ones are dropped, the log among its files holds them.
    """
    kept = session.scalar(select(func.count()).select_from(Event).where(
        Event.job_id == job.id, Event.kind != "state")) or 0
    if progress.done is not None and (job.progress_done, job.progress_total) != (
            progress.done, progress.total):
        job.progress_done, job.progress_total = progress.done, progress.total
        if kept < limit:
            kept += 1
            note(session, job.id, "progress", {"done": progress.done, "total": progress.total},
                 now_s, lease.id)
    known = session.scalar(select(func.max(Event.number)).where(Event.lease_id == lease.id))
    for number, line in sorted(progress.events):
        if (known is not None and number <= known) or kept >= limit:
            continue
        kept += 1
        session.add(Event(job_id=job.id, lease_id=lease.id, number=number, created_at_s=now_s,
                          kind="log", data={"line": line}))
    session.flush()
