"""Scores in this process, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evolution.pools.base import Job, Pool, PoolOptions, Scored, score

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource


class Here(Pool):
    """See `Pool`; it has no worker beside this process."""

    @classmethod
    def of(cls, accuracy: AccuracySource) -> Here:
        """Scores with a source that is already there."""
        return cls(accuracy, lambda: accuracy, PoolOptions())

    @property
    def workers(self) -> int:
        """See `Pool.workers`."""
        return 1

    def scores(self, jobs: Sequence[Job]) -> Iterator[Scored]:
        """See `Pool.scores`."""
        for job in jobs:
            yield score(self.accuracy, job)

    def close(self) -> None:
        """See `Pool.close`; there is nothing to end."""
