"""Errors of flow, counted so that any number of pairs can be added up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from supernet.data.protocols import Average
from supernet.tasks.flow import lengths_px

# Lower and upper bound of the true speed in px, as MPI-Sintel's table divides it.
SPEEDS_PX = {"0_10": (0.0, 10.0), "10_40": (10.0, 40.0), "40": (40.0, math.inf)}
_LIMITS_PX = (1, 3, 5)
Metrics = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class FlowErrors:
    """Sums over the valid pixels of one or more pairs.

    Attributes:
        pixels: how many.
        error_px: sum of end-point errors.
        outliers: pixels off by more than 3 px and more than 5 % (KITTI's Fl).
        above: pixels off by more than 1, 3 and 5 px.
        slow_to_fast: pixels and sum of errors in each of `SPEEDS_PX`.
    """

    pixels: int
    error_px: float
    outliers: int
    above: tuple[int, ...]
    slow_to_fast: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, flow: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> FlowErrors:
        """Counts errors of flow (B, 2, H, W) against a target, where valid (B, H, W) is 1."""
        mask = valid > 0.5
        error = lengths_px(flow - target)[mask].double()
        speed = lengths_px(target)[mask].double()
        parts = []
        for low, high in SPEEDS_PX.values():
            part = error[(speed >= low) & (speed < high)]
            parts.append((part.numel(), float(part.sum())))
        return cls(
            error.numel(), float(error.sum()),
            int(((error > 3) & (error > 0.05 * speed)).sum()),
            tuple(int((error > limit).sum()) for limit in _LIMITS_PX), tuple(parts),
        )

    def __add__(self, other: FlowErrors) -> FlowErrors:
        return FlowErrors(
            self.pixels + other.pixels, self.error_px + other.error_px,
            self.outliers + other.outliers,
            tuple(a + b for a, b in zip(self.above, other.above, strict=True)),
            tuple((a + c, b + d) for (a, b), (c, d) in zip(
                self.slow_to_fast, other.slow_to_fast, strict=True)),
        )

    def metrics(self) -> Metrics:
        """``epe`` and ``epe_…`` by speed in px, ``fl_all`` and ``above_…px`` in percent.

        What no pixel was counted for is None.
        """
        found: Metrics = {
            "epe": _ratio(self.error_px, self.pixels),
            "fl_all": _ratio(100 * self.outliers, self.pixels),
        }
        for limit, count in zip(_LIMITS_PX, self.above, strict=True):
            found[f"above_{limit}px"] = _ratio(100 * count, self.pixels)
        for name, (count, error_px) in zip(SPEEDS_PX, self.slow_to_fast, strict=True):
            found[f"epe_{name}"] = _ratio(error_px, count)
        return found


def averaged(parts: Sequence[FlowErrors], epe: Average, outliers: Average) -> Metrics:
    """Metrics of several pairs.

    Args:
        parts: errors of each pair.
        epe: the mean is over ``pixels``, or over ``pairs`` of each pair's mean.
        outliers: the same for shares of outliers. Errors by speed are over pixels.
    """
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    found = total.metrics()
    single = [part.metrics() for part in parts]
    for name in found:
        if (epe if name == "epe" else outliers) == "pairs" and not name.startswith("epe_"):
            known = [value for item in single if (value := item[name]) is not None]
            found[name] = sum(known) / len(known) if known else None
    return found


def _ratio(total: float, count: int) -> float | None:
    return total / count if count else None
