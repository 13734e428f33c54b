"""Takes jobs in: idempotency keys and quotas."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from evolution.service.errors import ConflictError, GoneError, QuotaError
from evolution.service.queue.events import note
from evolution.service.queue.records import QUEUED, Submission
from evolution.service.store.models import Job, Resource, User


def submit(session: Session, user_id: int, wanted: Submission, now_s: float) -> tuple[Job, bool]:
    """See `Queue.submit`."""
    digest = _digest(wanted)
    known = find_known(session, user_id, wanted.idempotency_key)
    if known is not None:
        if known.request_digest != digest:
            raise ConflictError(
                f"idempotency key '{wanted.idempotency_key}' belongs to job {known.id}, which was "
                "asked for with other parameters; choose another key")
        return known, False
    _check_inputs(session, wanted)
    user = session.get_one(User, user_id)
    waiting = session.scalar(select(func.count()).select_from(Job).where(
        Job.user_id == user_id, Job.state == QUEUED)) or 0
    if waiting >= user.max_queued:
        raise QuotaError(f"'{user.name}' has {waiting} jobs waiting, and at most "
                         f"{user.max_queued} are allowed; wait for some, or cancel them")
    job = Job(**vars(wanted), user_id=user_id, state=QUEUED, request_digest=digest,
              created_at_s=now_s)
    session.add(job)
    session.flush()
    note(session, job.id, "state", {"state": QUEUED}, now_s)
    return job, True


def find_known(session: Session, user_id: int, key: str | None) -> Job | None:
    """The job that a user's idempotency key made before, where there is a key and a job."""
    if key is None:
        return None
    return session.scalar(select(Job).where(Job.user_id == user_id, Job.idempotency_key == key))


def _check_inputs(session: Session, wanted: Submission) -> None:
    """Refuses what was removed between the choice of the inputs and now."""
    for item in wanted.inputs:
        found = session.get(Resource, item["resource"])
        if found is not None and found.removed_at_s is not None:
            raise GoneError(f"{found.kind} {found.id} was removed just now; submit again")


def _digest(wanted: Submission) -> str:
    # Not the inputs: which table is the newest may have changed since the first time.
    said = [wanted.kind, wanted.parameters, wanted.run_on, wanted.priority]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
