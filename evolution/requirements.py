"""Constraints as a user gives them: each with a name, a limit, its unit and what can be reached."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evolution.constraint import LatencyConstraint, Limit
from evolution.minimax import least_largest
from evolution.programme import Programme
from evolution.quantities import Quantity, QuantityLimit
from evolution.strategies.base import Floats, Vector
from luts.space import OperatorSpace, Vectors
from predictor.extremes import minimise

_STEPS = 100


@dataclass(frozen=True)
class Reach:
    """What architectures can have of something.

    Attributes:
        least: an architecture that has least of it.
        low: what it has, in the unit of the requirement.
        high: the most that an architecture has; exact but for what is not additive.
    """

    least: Vector
    low: float
    high: float


class Requirement(abc.ABC):
    """One constraint; all of its limits must hold.

    Attributes:
        name: such as ``latency_ms`` or ``memory_mib``.
        limits: what it means for an architecture.
    """

    name: str
    limits: tuple[Limit, ...]

    @property
    @abc.abstractmethod
    def top(self) -> float:
        """The largest value that is allowed, in its unit."""

    @abc.abstractmethod
    def values(self, vectors: Vectors) -> Floats:
        """What is compared with the top, shape ``(count,)``."""

    @abc.abstractmethod
    def say(self, value: float) -> str:
        """A value with its unit."""

    @abc.abstractmethod
    def reach(self) -> Reach:
        """What can be reached where nothing else is asked for."""

    @abc.abstractmethod
    def refusal(self, reach: Reach, space: str) -> str:
        """What is said where its top is out of reach."""


class LatencyRequirement(Requirement):
    """The upper bound of the latency on one target.

    Args:
        constraint: the limit; its budget and correction may change later.
        option: how its budget is given on the command line.
    """

    def __init__(self, constraint: LatencyConstraint, option: str = "--latency-ms") -> None:
        self.name = "latency_ms"
        self.constraint = constraint
        self.limits = (constraint,)
        self._option = option

    @property
    def top(self) -> float:
        """See `Requirement.top`."""
        return self.constraint.budget_ms

    def values(self, vectors: Vectors) -> Floats:
        """See `Requirement.values`; upper bounds as corrected."""
        upper_ms = self.constraint.predictor.predict(vectors).upper_ms
        return np.asarray(upper_ms * self.constraint.correction)

    def say(self, value: float) -> str:
        """See `Requirement.say`."""
        return f"{value:.3f} ms on '{self.constraint.label}'"

    def reach(self) -> Reach:
        """See `Requirement.reach`."""
        predictor = self.constraint.predictor
        # The exact minimum of the additive table; what the learned correction adds may favour a
        # neighbour.
        fastest = descend(predictor.space, predictor.fastest(),
                          lambda vectors: predictor.predict(vectors).upper_ms)
        low, high = self.values(np.stack([fastest, predictor.slowest()]))
        return Reach(tuple(fastest.tolist()), float(low), float(high))

    def refusal(self, reach: Reach, space: str) -> str:
        """See `Requirement.refusal`."""
        low, high = self.constraint.predictor.interval_ms()
        least = np.ceil(reach.low * 1000) / 1000
        budget = f"{self._option} {least:.3f}" if self._option else f"{least:.3f} ms there"
        return (
            f"infeasible: no architecture of {space} is sure to keep {self.say(self.top)}; "
            f"predictions reach from {low:.3f} to {high:.3f} ms, and the lowest upper bound is "
            f"{reach.low:.3f} ms; give at least {budget}"
        )


class QuantityRequirement(Requirement):
    """A quantity must not exceed a value.

    Args:
        quantity: what is limited.
        most: the largest value that is allowed.
    """

    def __init__(self, quantity: Quantity, most: float) -> None:
        self.name = quantity.name
        self.quantity = quantity
        self._most = most
        self.limits = tuple(QuantityLimit(quantity.space, rows, most) for rows in quantity.parts)

    @property
    def top(self) -> float:
        """See `Requirement.top`."""
        return self._most

    def values(self, vectors: Vectors) -> Floats:
        """See `Requirement.values`."""
        return self.quantity.values(vectors)

    def say(self, value: float) -> str:
        """See `Requirement.say`."""
        return self.quantity.say(value)

    def reach(self) -> Reach:
        """See `Requirement.reach`."""
        space, parts = self.quantity.space, self.quantity.parts
        least = least_largest(Programme(space), parts)
        if least is None:
            raise ValueError(f"the rows of {space.name} fit no architecture")
        most = [minimise(space, [-values for values in rows]) for rows in parts]
        values = self.values(np.array([least, *(tuple(v.tolist()) for v in most)]))
        return Reach(least, float(values[0]), float(values.max()))

    def refusal(self, reach: Reach, space: str) -> str:
        """See `Requirement.refusal`."""
        return (f"infeasible: no architecture of {space} has at most {self.say(self.top)}; they "
                f"have from {self.say(reach.low)} to {self.say(reach.high)}")


def descend(
    space: OperatorSpace, start: Vectors, cost: Callable[[Vectors], Floats]
) -> Vectors:
    """Changes one decision at a time for the better until none helps.

    Args:
        space: the space.
        start: index vector, shape ``(decisions,)``.
        cost: costs of a population, shape ``(count,)``.

    Returns:
        Index vector whose cost no single change lowers (after at most 100 changes).
    """
    current = start
    current_cost = float(cost(current[None])[0])
    for _ in range(_STEPS):
        around = _neighbours(space, current)
        costs = cost(around)
        best = int(np.argmin(costs))
        if not costs[best] < current_cost:
            break
        current, current_cost = around[best], float(costs[best])
    return current


def limits_of(requirements: Sequence[Requirement]) -> list[Limit]:
    """All limits, in the order of the requirements."""
    return [limit for requirement in requirements for limit in requirement.limits]


def _neighbours(space: OperatorSpace, vector: Vectors) -> Vectors:
    rows = []
    for index, cardinality in enumerate(space.cardinalities):
        for choice in range(int(cardinality)):
            if choice != vector[index]:
                row = vector.copy()
                row[index] = choice
                rows.append(row)
    return np.stack(rows) if rows else vector[None]
