"""What one and the same operator showed on other devices, beyond what its features explain.

A runtime picks another algorithm for some shapes, and picks it on all devices of a maker: what an
operator takes more than predicted on some devices, it mostly takes more on the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from luts.operator import Operator
from predictor.extremes import Floats

# Pairs of devices below which no correlation is believed.
_FEWEST_PAIRS = 30


@dataclass(frozen=True)
class Peers:
    """Mean residuals of operators, shrunk by how alike devices are.

    Attributes:
        shifts: operator to the expected log(measured / predicted) on another device.
        likeness: correlation of an operator's residuals between two devices.
    """

    shifts: Mapping[Operator, float]
    likeness: float

    @classmethod
    def none(cls) -> Peers:
        """Of a single device."""
        return cls({}, 0.0)

    @classmethod
    def fit(cls, operators: Sequence[Operator], missed: Floats, left: Floats) -> Peers:
        """Best linear prediction from exchangeable devices (Robinson 1991).

        With n residuals of variance s^2 and correlation r between devices, the next device's is
        expected at ``w = n r / (1 + (n - 1) r)`` times their mean. The model in use has seen the
        operator and follows it in part, so its own residual counts: what is expected of a model
        that had not seen it, less what the one that has already says.

        Args:
            operators: one per row.
            missed: log(measured / predicted) by models that had not seen the row's operator; NaN
                where it is not known, shape ``(rows,)``.
            left: the same by the model in use, which has, shape ``(rows,)``.
        """
        place: dict[Operator, int] = {}
        of = np.array([place.setdefault(operator, len(place)) for operator in operators])
        known = np.isfinite(missed)
        of, missed, left = of[known], missed[known], left[known]
        count = np.bincount(of, minlength=len(place))
        total = np.bincount(of, missed, minlength=len(place))
        square = np.bincount(of, missed**2, minlength=len(place))
        pairs = float((count * (count - 1)).sum())
        if pairs < _FEWEST_PAIRS:
            return cls.none()
        # The sum over pairs of products is the square of the sum less the sum of squares.
        between = float((total**2 - square).sum()) / pairs
        likeness = float(np.clip(between / max(float((missed**2).mean()), 1e-12), 0.0, 0.99))
        weight = count * likeness / (1 + (count - 1) * likeness)
        own = np.bincount(of, left, minlength=len(place))
        shifts = (own - (1 - weight) * total) / np.maximum(count, 1)
        found = {op: float(shifts[i]) for op, i in place.items() if count[i]}
        return cls(found, likeness)

    def __call__(self, operators: Sequence[Operator]) -> Floats:
        """Expected log(measured / predicted) beyond the features; 0 for operators never seen."""
        return np.array([self.shifts.get(operator, 0.0) for operator in operators])
