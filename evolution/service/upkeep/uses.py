"""What jobs start from, and so what must stay."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from evolution.service.errors import ConflictError
from evolution.service.queue.records import QUEUED, RUNNING
from evolution.service.store.models import Job


def check_unused(session: Session, resources: Collection[int], what: str, after: int | None = None
                 ) -> None:
    """Makes sure that no job that waits or runs starts from a resource.

    Args:
        session: reads the jobs.
        resources: numbers of resources.
        what: what they are, for the message.
        after: jobs of a higher number count whatever their state; None: none do.

    Raises:
        ConflictError: one does.
    """
    counted: list[ColumnElement[bool]] = [Job.state.in_([QUEUED, RUNNING])]
    if after is not None:
        counted.append(Job.id > after)
    wanted = set(resources)
    rows = session.execute(select(Job.id, Job.inputs).where(or_(*counted)).order_by(Job.id))
    using = [job for job, inputs in rows.tuples() if wanted & used_by(inputs)]
    if using:
        raise ConflictError(f"{what} is used by job {', '.join(map(str, using[:5]))}; wait for its "
                            "end, or cancel it")


def used_by(inputs: list[dict[str, int]]) -> set[int]:
    """Numbers of the resources among a job's inputs."""
    return {item["resource"] for item in inputs}
