"""Waiting until other processes leave the machine alone, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from profiler._clock import Clock
from profiler._records import VisitRecord
from profiler._sampling import MOST_OTHERS, TICKS_S

_LOOK_S = 0.25
_ATTEMPTS = 4


class Patience:
    """Time that a campaign may spend on waiting and on timing again.

    Args:
        clock: clocks to read.
        seconds: for the whole campaign; when it is used up, disturbed timings stand.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self.left_s = seconds

    def undisturbed(self, visit: Callable[[], VisitRecord]) -> VisitRecord:
        """Times until a timing was neither disturbed nor throttled, at most `_ATTEMPTS` times.

        Args:
            visit: one timing.

        Returns:
            The last timing; samples of those before it count as discarded.
        """
        record, discarded = visit(), 0
        for _ in range(_ATTEMPTS - 1):
            if not (record.disturbed or record.throttled) or self.left_s <= 0:
                break
            began = self._clock.wall_s()
            self._wait()
            discarded += record.samples + record.discarded
            record = visit()
            self.left_s -= self._clock.wall_s() - began
        return replace(record, discarded=record.discarded + discarded)

    def _wait(self) -> None:
        """Returns when the others have been quiet for a moment, or the patience is used up."""
        ends = self._clock.wall_s() + self.left_s
        while self._clock.wall_s() < ends:
            before = self._clock.others_s()
            self._clock.pause(_LOOK_S)
            if self._clock.others_s() - before - TICKS_S <= MOST_OTHERS * _LOOK_S:
                return
