"""Which jobs' files are older than they are kept, and needed by nothing that is."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from evolution.service.catalogue import LIBRARY, PREDICTOR, TABLE
from evolution.service.queue.records import ENDED
from evolution.service.store.models import Job, Resource
from evolution.service.upkeep.uses import used_by

DAY_S = 86400.0
# A job that names none of these starts from the newest.
_STOCK = (TABLE, PREDICTOR, LIBRARY)


def removable(session: Session, now_s: float, keep_days: float) -> list[int]:
    """Jobs whose files go, the oldest first.

    They ended longer ago than files are kept, and neither the files of a job that stay nor one
    that waits or runs came from what they made: a search keeps its training, table and predictor.
    The newest table, predictor and library of each kind stay at any age.

    Args:
        session: reads the jobs.
        now_s: the time.
        keep_days: days for which files are kept after a job's end.
    """
    made, used = defaultdict[int, set[int]](set), set[int]()
    for number, job_id in session.execute(select(Resource.id, Resource.job_id).where(
            Resource.job_id.is_not(None), Resource.removed_at_s.is_(None))).tuples():
        assert job_id is not None
        made[job_id].add(number)
    used.update(session.scalars(
        select(func.max(Resource.id))
        .where(Resource.kind.in_(_STOCK), Resource.removed_at_s.is_(None))
        .group_by(Resource.kind, Resource.target, Resource.key)))
    gone = []
    # What a job starts from was made by jobs with lower numbers.
    for job_id, state, finished_at_s, inputs in session.execute(
            select(Job.id, Job.state, Job.finished_at_s, Job.inputs)
            .where(Job.files_removed_at_s.is_(None)).order_by(Job.id.desc())).tuples():
        old = state in ENDED and finished_at_s is not None and (
            finished_at_s < now_s - keep_days * DAY_S)
        if old and not made[job_id] & used:
            gone.append(job_id)
        else:
            used |= used_by(inputs)
    return gone[::-1]
