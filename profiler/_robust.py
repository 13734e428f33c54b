"""Statistics that a few disturbed samples do not move."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Makes the median absolute deviation of normal scatter equal its standard deviation.
_MAD_TO_SIGMA = 1.4826
# Standard error of a median over that of a mean, for normal scatter: sqrt(pi / 2).
_MEDIAN_PENALTY = 1.2533


def sigma(values: Floats) -> float:
    """Robust standard deviation of values of shape ``(n,)``."""
    return float(_MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


def median_error(values: Floats) -> float:
    """Relative standard error of the median of positive values, shape ``(n,)``."""
    return _MEDIAN_PENALTY * sigma(values) / math.sqrt(len(values)) / float(np.median(values))


def undisturbed(
    values: Floats, *, sigmas: float = 5.0, slack: float = 0.03
) -> npt.NDArray[np.bool_]:
    """Which samples are not far above the median; interference only ever slows.

    Args:
        values: positive samples, shape ``(n,)``.
        sigmas: robust standard deviations allowed above the median.
        slack: relative distance that is always allowed, for runs steadier than the timer.

    Returns:
        Mask, shape ``(n,)``; at least half of it is True.
    """
    middle = float(np.median(values))
    return values <= middle + max(sigmas * sigma(values), slack * middle)


def slope(x: Floats, y: Floats) -> float:
    """Theil-Sen slope: the median of the slopes of all pairs; 0 for fewer than two points.

    Source: P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968.
    """
    i, j = np.triu_indices(len(x), 1)
    run = x[j] - x[i]
    usable = run != 0
    if not usable.any():
        return 0.0
    return float(np.median((y[j] - y[i])[usable] / run[usable]))
