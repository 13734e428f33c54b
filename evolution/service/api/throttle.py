"""Token buckets: so many at once, so many a second in the long run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED = 10_000


class Throttle:
    """A bucket for each name; the least recently used are forgotten beyond 10,000.

    Args:
        burst: what a bucket holds.
        per_s: how fast it fills.
        clock: seconds.
    """

    def __init__(self, burst: float, per_s: float, clock: Callable[[], float]) -> None:
        self._burst, self._per_s, self._clock = burst, per_s, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, name: str) -> float:
        """Takes one.

        Returns:
            0 where there was one; otherwise seconds until there is.
        """
        with self._guard:
            level, now_s = self._level(name)
            wait_s = self._wait_s(level)
            self._buckets[name] = (level if wait_s else level - 1, now_s)
            self._buckets.move_to_end(name)
            if len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
            return wait_s

    def _wait_s(self, level: float) -> float:
        return 0.0 if level >= 1 else (1 - level) / self._per_s

    def _level(self, name: str) -> tuple[float, float]:
        now_s = self._clock()
        level, since_s = self._buckets.get(name, (self._burst, now_s))
        return min(self._burst, level + max(0.0, now_s - since_s) * self._per_s), now_s
