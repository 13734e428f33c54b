"""Leases that end without their job: it goes back to the queue, and resumes from its journal."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from evolution.service.queue.events import note
from evolution.service.queue.records import CANCELLED, EXPIRED, FAILED, QUEUED, Limits
from evolution.service.store.models import Job, Lease


def expire(session: Session, now_s: float, limits: Limits) -> Sequence[int]:
    """See `Queue.expire`."""
    over = session.scalars(select(Lease).where(
        Lease.ended_at_s.is_(None), Lease.expires_at_s <= now_s)).all()
    for lease in over:
        give_back(session, lease, EXPIRED, now_s, limits)
    return [lease.job_id for lease in over]


def give_back(session: Session, lease: Lease, outcome: str, now_s: float, limits: Limits) -> None:
    """Ends a lease and puts its job back.

    A job that was to be cancelled is cancelled; one whose leases expired too often fails, so that
    what kills every worker does not go round for ever.
    """
    job = session.get_one(Job, lease.job_id)
    lease.ended_at_s, lease.outcome = now_s, outcome
    session.flush()
    lost = session.scalar(select(func.count()).select_from(Lease).where(
        Lease.job_id == job.id, Lease.outcome == EXPIRED)) or 0
    if job.cancel_requested:
        job.state, job.message = CANCELLED, "cancelled"
        job.finished_at_s = now_s
    elif outcome == EXPIRED and lost >= limits.attempts:
        job.state, job.finished_at_s = FAILED, now_s
        job.message = f"its worker went silent {lost} times; the log says how far it came"
    else:
        job.state = QUEUED
        job.last_device_id = lease.device_id
        job.prefer_until_s = now_s + limits.affinity_s
    note(session, job.id, "state", {"state": job.state, "lease": outcome}, now_s, lease.id)
