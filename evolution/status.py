"""The figures that every view of a search shows."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from evolution.growing_front import GrowingFront
from evolution.scoring import Candidate

# Evaluations behind the rate: batches differ in what they cost.
_RECENT = 50


class Status:
    """Counts what a view is told; see `evolution.progress.View` for the events.

    The hypervolume is that of predicted latency and error, as a share of the box from 0 to the
    worst of the first batch.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = self.done = 0
        self._clock = clock
        self._objective = "fitness"
        self._best: Candidate | None = None
        self._share = math.nan
        self._first: list[tuple[float, float]] = []
        self._front = GrowingFront((0.0, 0.0))
        self._moments: deque[float] = deque(maxlen=_RECENT + 1)

    def begin(self, total: int, objective: str) -> None:
        """A search starts."""
        self.total, self._objective = total, objective

    def working(self) -> None:
        """What follows is scored, so that it tells how quick scoring is."""
        if not self._moments:
            self._moments.append(self._clock())

    def rest(self) -> None:
        """Nothing is scored for now."""
        self._moments.clear()

    def scored(self, candidate: Candidate, best: Candidate | None, share: float) -> None:
        """One architecture was scored, or taken from the journal."""
        self.done += 1
        self._best, self._share = best, share
        if self._moments:
            self._moments.append(self._clock())
        metric = candidate.metrics.get(self._objective)
        if metric is None:
            return
        point = (candidate.latency_ms, metric)
        if candidate.generation > 0:
            self._front.add(point)
            return
        self._first.append(point)
        self._front = GrowingFront((max(p[0] for p in self._first), max(p[1] for p in self._first)))
        for earlier in self._first:
            self._front.add(earlier)

    @property
    def per_minute(self) -> float | None:
        """Evaluations a minute of late; None before there was any."""
        if len(self._moments) < 2 or self._moments[-1] <= self._moments[0]:
            return None
        return 60 * (len(self._moments) - 1) / (self._moments[-1] - self._moments[0])

    def figures(self) -> list[tuple[str, str]]:
        """Names and values, in the order in which they are read."""
        pairs = [("scored", f"{self.done}/{max(self.total, self.done)}")]
        if self._best is not None:
            value = self._best.metrics.get(self._objective)
            name, value = (self._objective, value) if value else ("fitness", self._best.fitness)
            pairs.append(("best", f"{name} {value:.3f} at {self._best.latency_ms:.2f} ms"))
        if math.isfinite(self._share):
            # Tight budgets leave a share that must not look like none.
            little = 0 < self._share < 0.001
            pairs.append(("feasible", f"{100 * self._share:.2g}%" if little
                          else f"{self._share:.1%}"))
        pairs.append(("hypervolume", f"{self._front.share:.3g}"))
        rate = self.per_minute
        if rate is not None:
            left_s = int(60 * max(0, self.total - self.done) / rate)
            pairs.append(("per minute", f"{rate:.1f}"))
            pairs.append(("left", f"{left_s // 60}:{left_s % 60:02d}"))
        return pairs
