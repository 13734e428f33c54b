"""Figures of merit of predictions against measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luts.errors import UserError
from predictor.extremes import Floats


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How predictions fare against measurements; shares and errors are fractions.

    Attributes:
        n: networks.
        mape: mean absolute error relative to the measurement.
        within_5: share with a relative error of at most 5 %.
        within_10: share with a relative error of at most 10 %.
        coverage: share of measurements at or below the upper bound.
        coverage_by_third: the same of the fastest, middle and slowest third, by prediction.
        noise: median relative difference between two sessions of one network.
        bound_width: mean of upper bound over prediction, minus 1.
        bias: median of prediction over measurement, minus 1.
        repeats: networks behind ``noise``.
    """

    n: int
    mape: float
    within_5: float
    within_10: float
    coverage: float
    coverage_by_third: tuple[float, ...]
    noise: float
    bound_width: float
    bias: float
    repeats: int


def accuracy(
    predicted_ms: Floats, upper_ms: Floats, measured_ms: Floats, again_ms: Floats
) -> Accuracy:
    """Compares predictions with measurements.

    Args:
        predicted_ms: predictions, shape ``(n,)``.
        upper_ms: their upper bounds, shape ``(n,)``.
        measured_ms: one session of each network, shape ``(n,)``.
        again_ms: another session of the same network, NaN where there was none, shape ``(n,)``.

    Raises:
        UserError: no networks, or none measured twice.
    """
    twice = np.isfinite(again_ms)
    if not len(measured_ms) or not twice.any():
        raise UserError(
            f"{len(measured_ms)} networks measured, {int(twice.sum())} of them twice; at least 1 "
            "of each is needed"
        )
    relative = np.abs(predicted_ms - measured_ms) / measured_ms
    below = measured_ms <= upper_ms
    first, second = measured_ms[twice], again_ms[twice]
    return Accuracy(
        n=len(measured_ms),
        mape=float(relative.mean()),
        within_5=share_within(relative, 0.05),
        within_10=share_within(relative, 0.10),
        coverage=float(below.mean()),
        coverage_by_third=tuple(
            float(third.mean()) for third in np.array_split(below[np.argsort(predicted_ms)], 3)
            if len(third)
        ),
        noise=float(np.median(np.abs(first - second) / ((first + second) / 2))),
        bound_width=float((upper_ms / predicted_ms).mean() - 1),
        bias=float(np.median(predicted_ms / measured_ms) - 1),
        repeats=int(twice.sum()),
    )


def share_within(relative: Floats, limit: float) -> float:
    """Share of relative errors of at most ``limit``."""
    return float((relative <= limit).mean())
