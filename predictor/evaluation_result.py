"""What an evaluation found: predictions beside measurements, and figures of merit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luts.space import Vectors
from predictor.extremes import Floats
from predictor.metrics import Accuracy, accuracy


@dataclass(frozen=True)
class Evaluation:
    """Predictions beside measurements.

    Attributes:
        vectors: fresh architectures, shape ``(n, decisions)``.
        predicted_ms: predictions, shape ``(n,)``.
        upper_ms: their upper bounds, shape ``(n,)``.
        measured_ms: one session of each, shape ``(n,)``.
        again_ms: another session of every fourth, NaN elsewhere, shape ``(n,)``.
        slowness: of the machine beside each session, relative to its usual pace when the table was
            measured, shape ``(n,)``.
        again_slowness: the same beside each second session, shape ``(n,)``.
        levels: what the reference took around each session over its prediction, once the pace is
            taken out: how much slower the machine was than the pace tells, shape ``(n,)``.
        again_levels: the same around each second session, shape ``(n,)``.
        reference_ms: sessions of the reference network in between, shape ``(sessions,)``.
        machine_shift: median of them over the latency that the predictor has for it, minus 1: how
            much slower the machine is now than when the table was measured.
        speed_margin: part of the upper bounds that is there for the machine's slowest speed.
    """

    vectors: Vectors
    predicted_ms: Floats
    upper_ms: Floats
    measured_ms: Floats
    again_ms: Floats
    slowness: Floats
    again_slowness: Floats
    levels: Floats
    again_levels: Floats
    reference_ms: Floats
    machine_shift: float
    speed_margin: float = 0.0

    @property
    def accuracy(self) -> Accuracy:
        """Figures of merit against what the clock showed."""
        return accuracy(self.predicted_ms, self.upper_ms, self.measured_ms, self.again_ms)

    @property
    def accuracy_at_pace(self) -> Accuracy:
        """The same with every session brought to the pace that the table's machine had.

        The upper bound is then that of the network alone, without the machine's slowest speed.
        """
        return accuracy(
            self.predicted_ms, self.upper_ms * np.exp(-self.speed_margin),
            self.measured_ms / self.slowness, self.again_ms / self.again_slowness,
        )

    @property
    def accuracy_at_level(self) -> Accuracy:
        """The same at the table's pace and at the level that the reference shows besides.

        As a campaign corrects its own timings, and as a search scales its bounds.
        """
        return accuracy(
            self.predicted_ms, self.upper_ms * np.exp(-self.speed_margin),
            self.measured_ms / (self.slowness * self.levels),
            self.again_ms / (self.again_slowness * self.again_levels),
        )

    def records(self) -> list[dict[str, object]]:
        """Raw pairs as plain data, one per network."""
        return [
            {
                "vector": vector.tolist(),
                "predicted_ms": float(predicted),
                "upper_ms": float(upper),
                "measured_ms": float(measured),
                "again_ms": float(again) if np.isfinite(again) else None,
                "slowness": float(slowness),
                "level": float(level),
            }
            for vector, predicted, upper, measured, again, slowness, level in zip(
                self.vectors,
                self.predicted_ms,
                self.upper_ms,
                self.measured_ms,
                self.again_ms,
                self.slowness,
                self.levels,
                strict=True,
            )
        ]
