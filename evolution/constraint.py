"""Hard limits on architectures, checked a population at a time."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evolution.strategies.base import Floats, Mask
from luts._costs import cost_of
from luts.space import OperatorSpace, Vectors
from predictor.base import LatencyPredictor


class Constraint(abc.ABC):
    """One hard limit."""

    @abc.abstractmethod
    def allowed(self, vectors: Vectors) -> Mask:
        """Which architectures keep it, shape ``(count,)``."""


@dataclass
class LatencyConstraint(Constraint):
    """The predictor's upper bound, times what verification taught, must not exceed the budget.

    Attributes:
        predictor: gives the upper bounds.
        budget_ms: the limit.
        correction: factor on the upper bounds, 1 until a measurement broke the budget.
    """

    predictor: LatencyPredictor
    budget_ms: float
    correction: float = 1.0

    def allowed(self, vectors: Vectors) -> Mask:
        """See `Constraint.allowed`."""
        return self.keeps(self.predictor.predict(vectors).upper_ms)

    def keeps(self, upper_ms: Floats) -> Mask:
        """Which of these upper bounds, as predicted, stay within the budget once corrected."""
        return np.asarray(upper_ms * self.correction <= self.budget_ms)

    def tighten(self, measured_ms: float, upper_ms: float, most: float = 1.1) -> None:
        """Learns from a network that was slower than its upper bound.

        All bounds of this run grow by the same ratio. One measurement moves them by at most
        ``most``, since a single disturbed one must not empty the search.

        Args:
            measured_ms: what the network took.
            upper_ms: its upper bound as predicted, uncorrected.
            most: largest factor learned from one measurement.
        """
        ratio = measured_ms / (upper_ms * self.correction)
        self.correction *= min(max(ratio, 1.0), most)


class ParameterConstraint(Constraint):
    """The whole network, norms folded into convolutions, must have at most so many weights.

    Args:
        space: its operators are counted, each place once.
        limit: largest number of weights.
    """

    def __init__(self, space: OperatorSpace, limit: int) -> None:
        self.space = space
        self.limit = limit
        self._rows = [
            np.array(
                [
                    sum(cost_of(p.operator).parameters for p in space.lower_factor(factor, row))
                    for row in space.factor_choices(factor)
                ],
                dtype=np.int64,
            )
            for factor in space.factors
        ]

    def count(self, vectors: Vectors) -> npt.NDArray[np.int64]:
        """Weights of each architecture, shape ``(count,)``."""
        total = np.zeros(len(vectors), dtype=np.int64)
        for factor, rows in zip(self.space.factors, self._rows, strict=True):
            total += rows[self.space.factor_rows(factor, vectors)]
        return total

    def allowed(self, vectors: Vectors) -> Mask:
        """See `Constraint.allowed`."""
        return np.asarray(self.count(vectors) <= self.limit)
