"""How wide the bound is at each latency: normalised conformal scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from predictor.conformal import upper_quantile
from predictor.extremes import Floats

_NARROWEST, _WIDEST = 0.5, 2.0
_FEWEST = 30


@dataclass(frozen=True, slots=True)
class Spread:
    """Width of the bound, ``log(upper / predicted) = width (latency / middle) ^ slope``.

    Attributes:
        width: at the middle latency.
        slope: exponent with which errors grow with latency; 0 where it could not be told from 0.
        middle_ms: median latency of the calibration networks.
    """

    width: float
    slope: float
    middle_ms: float

    def __call__(self, latency_ms: Floats) -> Floats:
        """Logarithm of upper bound over prediction, of the shape of the latencies in ms."""
        found: Floats = self.width * _relative(latency_ms, self.slope, self.middle_ms)
        return found

    def with_level(self, scatter: float, level: float) -> Spread:
        """The same for sessions whose common level is uncertain.

        Networks of one campaign share its level, so their scores say nothing of how far the level
        of a later session lies from it; the scatter of the canary does.

        Args:
            scatter: relative standard deviation of the level.
            level: share that must lie below the bound.
        """
        from statistics import NormalDist

        beyond = max(0.0, NormalDist().inv_cdf(level)) * scatter
        # A width below 0 (a low level) cannot be added in squares.
        both = math.hypot(self.width, beyond) if self.width > 0 else self.width + beyond
        return replace(self, width=both)

    @classmethod
    def fit(cls, predicted_ms: Floats, measured_ms: Floats, level: float) -> Spread:
        """The width that covers a share of fresh networks, slow ones as well as fast ones.

        The scores are log errors over the error that is usual at that latency (normalised
        conformal prediction; Papadopoulos et al. 2008), so that the level holds over all, and
        as far as errors go with latency by a power, at each latency.

        Args:
            predicted_ms: predictions of networks that the model had not seen, shape ``(n,)``.
            measured_ms: their measurements, shape ``(n,)``.
            level: share that must lie below the bound.

        Raises:
            UserError: too few networks for that level.
        """
        scores = np.log(measured_ms / predicted_ms)
        # Too few scores are refused before anything is asked of them.
        upper_quantile(scores, level)
        middle_ms = float(np.median(predicted_ms))
        slope = _slope(scores, predicted_ms)
        scaled = scores / _relative(predicted_ms, slope, middle_ms)
        return cls(upper_quantile(scaled, level), slope, middle_ms)


def _relative(latency_ms: Floats, slope: float, middle_ms: float) -> Floats:
    return np.asarray(np.clip((latency_ms / middle_ms) ** slope, _NARROWEST, _WIDEST))


def _slope(scores: Floats, predicted_ms: Floats) -> float:
    """Exponent of the size of errors over latency, shrunk toward 0 by its own uncertainty."""
    away = np.abs(scores - np.median(scores))
    usable = away > 0
    if usable.sum() < _FEWEST:
        return 0.0
    sizes, logs = np.log(away[usable]), np.log(predicted_ms[usable])
    run = logs - logs.mean()
    square = float(run @ run)
    if square == 0:
        return 0.0
    slope = float(run @ sizes / square)
    left = sizes - sizes.mean() - slope * run
    variance = float(left @ left) / (len(left) - 2) / square
    return slope * max(0.0, 1 - variance / slope**2) if slope else 0.0
