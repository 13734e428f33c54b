"""How much slower than usual the machine was at each timing, by its pace and its canary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from luts.records import Drift, Pace
from profiler._canary import Canary
from profiler._records import CanaryRecord, VisitRecord
from profiler._robust import Floats, sigma

_FEWEST = 20
_FEWEST_CANARIES = 3
# The correction must take at least this share of the scatter away, or it stays undone.
_WORTH = 0.05
_MOST_SENSITIVE = 1.5
_OUTLIER_SIGMAS = 3.0


@dataclass(frozen=True, slots=True)
class Slowness:
    """Slowness of every timing of a campaign, relative to the campaign's usual speed.

    Attributes:
        pace: what the probe says.
        drift: what the canary says once the pace is taken out.
        course: date in seconds to the slowness that the canary adds.
    """

    pace: Pace
    drift: Drift
    course: Callable[[float], float]

    def of(self, visit: VisitRecord) -> float:
        """Factor by which a timing was slowed."""
        return self.pace.slowness(visit.pace_ms) * self.course(visit.date_s)

    @classmethod
    def fit(cls, visits: Sequence[VisitRecord], canaries: Sequence[CanaryRecord]) -> Slowness:
        """Reads both series.

        Args:
            visits: timings of networks.
            canaries: timings of the canary; those beside busy processes count only where there
                are hardly others.
        """
        alone = [canary for canary in canaries if not canary.disturbed]
        steady = alone if len(alone) >= _FEWEST_CANARIES else canaries
        pace = fit_pace(visits, steady)
        at_pace = [replace(c, latency_ms=c.latency_ms / pace.slowness(c.pace_ms)) for c in steady]
        canary = Canary([c.date_s for c in at_pace], [c.latency_ms for c in at_pace])
        return cls(pace, canary.drift(), canary.factor())


def fit_pace(visits: Iterable[VisitRecord], canaries: Iterable[CanaryRecord]) -> Pace:
    """How latencies go with the pace: ``log latency = constant of the network + s log pace``.

    The exponent ``s`` is fitted by least squares to deviations within each network, the canary
    being one, without those beyond three standard deviations. It is 0 where too little is known, or
    where nothing is gained.
    """
    groups: dict[int | None, list[tuple[float, float]]] = {}
    paces = []
    for visit in visits:
        if visit.pace_ms is not None:
            paces.append(visit.pace_ms)
            groups.setdefault(visit.network, []).append((visit.latency_ms, visit.pace_ms))
    if not paces:
        return Pace()
    groups[None] = [(c.latency_ms, c.pace_ms) for c in canaries if c.pace_ms is not None]
    centred = [_centred(np.log(pairs)) for pairs in groups.values() if len(pairs) > 1]
    median_ms, spread = float(np.median(paces)), sigma(np.log(paces))
    if sum(map(len, centred)) < _FEWEST:
        return Pace(median_ms=median_ms, spread=spread)
    latency, pace = np.concatenate(centred).T
    exponent = _exponent(latency, pace)
    left = latency - exponent * pace
    exponent = _exponent(latency, pace, np.abs(left) <= _OUTLIER_SIGMAS * sigma(left))
    if sigma(latency - exponent * pace) > (1 - _WORTH) * sigma(latency):
        exponent = 0.0
    return Pace(median_ms=median_ms, spread=spread, sensitivity=exponent)


def _centred(logs: Floats) -> Floats:
    centred: Floats = logs - logs.mean(axis=0)
    return centred


def _exponent(latency: Floats, pace: Floats, mask: npt.NDArray[np.bool_] | None = None) -> float:
    if mask is not None:
        latency, pace = latency[mask], pace[mask]
    square = float(pace @ pace)
    if square == 0:
        return 0.0
    return float(np.clip(latency @ pace / square, 0.0, _MOST_SENSITIVE))
