"""Gives devices their jobs, and keeps the leases alive."""

from __future__ import annotations

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from evolution.service.errors import NotFoundError, StaleLeaseError
from evolution.service.queue.events import note, report
from evolution.service.queue.records import QUEUED, RUNNING, Leased, Limits, Progress
from evolution.service.store.models import Device, Job, Lease, User, Worker


def lease(session: Session, worker_id: int, user_id: int, now_s: float, limits: Limits
          ) -> Leased | None:
    """See `Queue.lease`."""
    worker = session.get(Worker, worker_id)
    if worker is None or worker.user_id != user_id:
        raise NotFoundError(f"no worker {worker_id} of this token's user; register first")
    device = session.get_one(Device, worker.device_id)
    worker.seen_at_s = device.seen_at_s = now_s
    taken = session.scalar(select(Lease.id).where(
        Lease.device_id == device.id, Lease.ended_at_s.is_(None)))
    if taken is not None:
        return None
    job = _next(session, device, now_s, limits.share_window_s)
    if job is None:
        return None
    device.fence += 1
    job.state, job.attempts = RUNNING, job.attempts + 1
    job.started_at_s = job.started_at_s or now_s
    held = Lease(job_id=job.id, device_id=device.id, worker_id=worker.id, fence=device.fence,
                 started_at_s=now_s, expires_at_s=now_s + limits.lease_s)
    session.add(held)
    session.flush()
    note(session, job.id, "state", {"state": RUNNING, "device": f"{device.machine}/{device.name}",
                                    "attempt": job.attempts}, now_s, held.id)
    return Leased(held.id, held.fence, limits.lease_s, job.id, job.kind, job.parameters,
                  job.inputs, job.attempts)


def heartbeat(session: Session, lease_id: int, fence: int, user_id: int, progress: Progress,
              now_s: float, limits: Limits) -> bool:
    """See `Queue.heartbeat`."""
    held = held_lease(session, lease_id, fence, user_id)
    if held.ended_at_s is not None:
        raise StaleLeaseError(f"lease {lease_id} has ended ({held.outcome}); stop its work")
    held.expires_at_s = now_s + limits.lease_s
    session.get_one(Worker, held.worker_id).seen_at_s = now_s
    session.get_one(Device, held.device_id).seen_at_s = now_s
    job = session.get_one(Job, held.job_id)
    report(session, held, job, progress, now_s, limits.events)
    return job.cancel_requested


def held_lease(session: Session, lease_id: int, fence: int, user_id: int) -> Lease:
    """A lease, ended or not, that a worker shows.

    Raises:
        StaleLeaseError: there is none with that fence of that user.
    """
    held = session.get(Lease, lease_id)
    if held is None or held.fence != fence or (
            session.get_one(Worker, held.worker_id).user_id != user_id):
        raise StaleLeaseError(f"no lease {lease_id} with fence {fence} of this token's user")
    return held


def _next(session: Session, device: Device, now_s: float, window_s: float) -> Job | None:
    """The job whose turn it is on a device.

    The highest priority goes first; among equals the user who has the fewest jobs running, then the
    one who used devices least in the window, then the oldest job.
    """
    running = dict(session.execute(
        select(Job.user_id, func.count()).where(Job.state == RUNNING).group_by(Job.user_id)
    ).tuples().all())
    used = _used_s(session, now_s, window_s)
    most = dict(session.execute(select(User.id, User.max_running)).tuples().all())
    here = and_(
        Job.state == QUEUED,
        or_(Job.run_on.is_(None), Job.run_on == device.target),
        or_(Job.last_device_id.is_(None), Job.last_device_id == device.id,
            Job.prefer_until_s <= now_s),
    )
    oldest = session.execute(
        select(Job.priority, Job.user_id, func.min(Job.id)).where(here)
        .group_by(Job.priority, Job.user_id)).tuples().all()
    waiting = [(-priority, running.get(user, 0), used.get(user, 0.0), number)
               for priority, user, number in oldest if running.get(user, 0) < most[user]]
    return session.get_one(Job, min(waiting)[-1]) if waiting else None


def _used_s(session: Session, now_s: float, window_s: float) -> dict[int, float]:
    """Seconds for which each user's jobs held devices within the window."""
    since = now_s - window_s
    rows = session.execute(
        select(Job.user_id, Lease.started_at_s, Lease.ended_at_s).join(Job, Job.id == Lease.job_id)
        .where(or_(Lease.ended_at_s.is_(None), Lease.ended_at_s > since))).tuples()
    used: dict[int, float] = {}
    for user, started_s, ended_s in rows:
        until = now_s if ended_s is None else ended_s
        used[user] = used.get(user, 0.0) + until - max(started_s, since)
    return used
