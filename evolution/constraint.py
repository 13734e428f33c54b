"""Hard limits on architectures, checked a population at a time."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

import numpy as np

from evolution.counts import gathered
from evolution.strategies.base import Floats, Mask
from luts.space import Vectors
from predictor.base import LatencyPredictor


class Constraint(abc.ABC):
    """One hard limit."""

    @abc.abstractmethod
    def allowed(self, vectors: Vectors) -> Mask:
        """Which architectures keep it, shape ``(count,)``."""


class Limit(Constraint):
    """A constraint on a quantity, of which every architecture uses a share.

    What is additive of it lets children be repaired and optima be integer programmes.
    """

    def allowed(self, vectors: Vectors) -> Mask:
        """See `Constraint.allowed`."""
        return np.asarray(self.use(vectors) <= 1)

    @abc.abstractmethod
    def use(self, vectors: Vectors) -> Floats:
        """Share of the limit that each architecture uses, 1 for all of it, shape ``(count,)``."""

    @abc.abstractmethod
    def factor_uses(self) -> list[Floats]:
        """What each factor adds.

        Returns:
            Per factor, the share of the limit that each row of ``space.factor_choices(factor)``
            uses, each of shape ``(rows,)``. Their sum follows `use` but for what is not additive.
        """


class Narrowed(Limit):
    """A share of another limit, which may change.

    Args:
        limit: the other one.
        share: how much of it may be used.
    """

    def __init__(self, limit: Limit, share: float) -> None:
        self._limit = limit
        self._share = share

    def use(self, vectors: Vectors) -> Floats:
        """See `Limit.use`."""
        return np.asarray(self._limit.use(vectors) / self._share)

    def factor_uses(self) -> list[Floats]:
        """See `Limit.factor_uses`."""
        return [np.asarray(rows / self._share) for rows in self._limit.factor_uses()]


@dataclass
class LatencyConstraint(Limit):
    """The predictor's upper bound, times what verification taught, must not exceed the budget.

    Attributes:
        predictor: gives the upper bounds.
        budget_ms: the limit.
        correction: factor on the upper bounds; grows where a measurement broke the budget.
        label: the target that it is for, with its threads where they are not 1.
    """

    predictor: LatencyPredictor
    budget_ms: float
    correction: float = 1.0
    label: str = ""
    _slope: float = field(default=0.0, init=False, repr=False)

    def keeps(self, upper_ms: Floats) -> Mask:
        """Which of these upper bounds, as predicted, stay within the budget once corrected."""
        return np.asarray(upper_ms * self.correction / self.budget_ms <= 1)

    def use(self, vectors: Vectors) -> Floats:
        """See `Limit.use`."""
        upper_ms = self.predictor.predict(vectors).upper_ms
        return np.asarray(upper_ms * self.correction / self.budget_ms)

    def upper_ms(self, vectors: Vectors) -> Floats:
        """Upper bounds as predicted, uncorrected, shape ``(count,)``."""
        return self.predictor.predict(vectors).upper_ms

    def factor_uses(self) -> list[Floats]:
        """See `Limit.factor_uses`; table latencies, scaled as upper bounds grow with them."""
        costs = self.predictor.factor_costs()
        if not self._slope:
            self._slope = self._growth(costs)
        scale = self._slope * self.correction / self.budget_ms
        return [np.asarray(cost * scale) for cost in costs]

    def _growth(self, costs: list[Floats]) -> float:
        """Upper bounds' growth per ms of table sum, from the fastest to the slowest."""
        ends = np.stack([self.predictor.fastest(), self.predictor.slowest()])
        sums = gathered(self.predictor.space, costs, ends)
        low, high = self.predictor.predict(ends).upper_ms
        return float((high - low) / (sums[1] - sums[0])) if sums[1] > sums[0] else 1.0

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


def shared_error(predictor: LatencyPredictor, relative: bool) -> float:
    """Factor on upper bounds that takes out what a candidate's error shares with the reference's.

    Where the budget is a share of the reference's predicted latency, an error that both have alike
    does not break it.

    Args:
        predictor: gives the upper bounds.
        relative: whether the budget is such a share.

    Returns:
        At most 1; 1 where nothing is known of relative errors.
    """
    if not relative or predictor.relative_margin is None:
        return 1.0
    latency_ms, upper_ms = predictor.predict_reference()
    return min(1.0, latency_ms * float(np.exp(predictor.relative_margin)) / upper_ms)
