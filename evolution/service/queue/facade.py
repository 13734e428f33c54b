"""`Queue`: the operations on jobs, each one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from evolution.service.queue import ending, expiry, leasing, registering, submitting
from evolution.service.queue.records import Claim, Handover, Leased, Limits, Progress, Submission
from evolution.service.store.database import Database
from evolution.service.store.models import Job


class Queue:
    """Jobs, leases and devices in a database.

    Args:
        database: a migrated one.
        limits: how long and how often.
        clock: seconds since 1970; servers that share a database need the same time.
    """

    def __init__(
        self, database: Database, limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.limits = limits or Limits()
        self.clock = clock

    def submit(self, user_id: int, submission: Submission) -> tuple[Job, bool]:
        """Adds a job; the same idempotency key gives the same job again.

        Returns:
            The job, and whether it is new.

        Raises:
            ConflictError: the key belongs to another request of that user.
            QuotaError: the user has as many jobs waiting as allowed.
            GoneError: what it would start from was removed.
        """
        with self.database.write() as session:
            return submitting.submit(session, user_id, submission, self.clock())

    def register(self, user_id: int, claim: Claim) -> tuple[int, int]:
        """Makes a worker and its device known.

        A worker that comes back with its key is the same worker after a restart; what its
        predecessor held goes back to the queue at once.

        Returns:
            Number of the worker, and of its device.

        Raises:
            ForbiddenError: the key belongs to another user.
        """
        with self.database.write() as session:
            return registering.register(session, user_id, claim, self.clock(), self.limits)

    def lease(self, worker_id: int, user_id: int) -> Leased | None:
        """Gives a worker's device the job whose turn it is.

        Returns:
            The lease; None where no job fits or the device is taken.

        Raises:
            NotFoundError: no such worker of that user.
        """
        with self.database.write() as session:
            now = self.clock()
            expiry.expire(session, now, self.limits)
            return leasing.lease(session, worker_id, user_id, now, self.limits)

    def heartbeat(self, lease_id: int, fence: int, user_id: int, progress: Progress) -> bool:
        """Prolongs a lease and keeps what was reported.

        Returns:
            Whether the job is to be cancelled.

        Raises:
            StaleLeaseError: the lease has ended.
        """
        with self.database.write() as session:
            return leasing.heartbeat(
                session, lease_id, fence, user_id, progress, self.clock(), self.limits)

    def finish(self, lease_id: int, fence: int, user_id: int, handover: Handover) -> Job:
        """Ends a job with what its worker hands over; repeating it changes nothing.

        Raises:
            StaleLeaseError: the lease ended otherwise.
        """
        with self.database.write() as session:
            return ending.finish(session, lease_id, fence, user_id, handover, self.clock())

    def release(self, lease_id: int, fence: int, user_id: int) -> None:
        """Gives a job back to the queue, because its worker stops.

        Raises:
            StaleLeaseError: the lease ended otherwise.
        """
        with self.database.write() as session:
            ending.release(session, lease_id, fence, user_id, self.clock(), self.limits)

    def cancel(self, job_id: int, *, owner_id: int | None) -> Job:
        """Cancels a job: at once where it waits, by its worker's next heartbeat where it runs.

        Args:
            job_id: the job.
            owner_id: whose it must be; None: anybody's.

        Raises:
            NotFoundError: no such job.
            ForbiddenError: it is somebody else's.
            ConflictError: it has ended already.
        """
        with self.database.write() as session:
            return ending.cancel(session, job_id, owner_id, self.clock())

    def expire(self) -> Sequence[int]:
        """Takes leases back whose time is over.

        Returns:
            The jobs that lost theirs.
        """
        with self.database.write() as session:
            return expiry.expire(session, self.clock(), self.limits)
