"""What one network, timed again and again, says about the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from luts.records import Drift
from profiler._robust import Floats, sigma, slope

_WINDOW = 5
_STEADY = 0.02
# Beyond this scatter, or this movement, a correction would be guesswork.
_WILD = 0.05
_FAR = 0.30


class Canary:
    """The series of a canary's latencies.

    Args:
        dates_s: when each was taken, shape ``(n,)``.
        latencies_ms: what it took, shape ``(n,)``.
    """

    def __init__(self, dates_s: Sequence[float], latencies_ms: Sequence[float]) -> None:
        order = np.argsort(dates_s)
        self._dates: Floats = np.asarray(dates_s, dtype=np.float64)[order]
        times: Floats = np.asarray(latencies_ms, dtype=np.float64)[order]
        self._level_ms = float(np.median(times)) if len(times) else 0.0
        self._relative = times / self._level_ms if len(times) else times
        self._smooth = _running_median(self._relative)

    def drift(self) -> Drift:
        """Verdict on the campaign.

        ``steady``: it moved less than 2 %, or no more than it scatters. ``corrected``: it moved,
        slowly and by less than 30 %, so that samples can be divided by it. Else ``drifting``.
        """
        count = len(self._relative)
        if count < 3:
            return Drift(canaries=count, level_ms=self._level_ms)
        duration = float(self._dates[-1] - self._dates[0])
        change = slope(self._dates, self._relative) * duration
        spread = sigma(self._relative - self._smooth)
        low, high = np.percentile(self._smooth, [2, 98])
        movement = float(high - low)
        if spread > _WILD:
            verdict = "drifting"
        elif movement <= max(_STEADY, 2 * spread):
            verdict = "steady"
        else:
            verdict = "corrected" if movement <= _FAR else "drifting"
        return Drift.model_validate({"verdict": verdict, "change": change, "spread": spread,
                                     "movement": movement, "canaries": count,
                                     "level_ms": self._level_ms})

    def factor(self) -> Callable[[float], float]:
        """Date in seconds to the relative slowness at that time; 1 unless it is corrected."""
        if self.drift().verdict != "corrected":
            return lambda date_s: 1.0
        return lambda date_s: float(np.interp(date_s, self._dates, self._smooth))


def _running_median(values: Floats) -> Floats:
    """Median of `_WINDOW` neighbours, fewer at the ends."""
    half = _WINDOW // 2
    return np.array([
        np.median(values[max(0, index - half) : index + half + 1]) for index in range(len(values))
    ])
