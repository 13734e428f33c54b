"""Constraints as a user gives them: each with a name, a limit, its unit and what can be reached."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolution.asked import LATENCY_MS, Asked
from evolution.constraint import LatencyConstraint, Limit
from evolution.quantities import Quantity, QuantityLimit
from evolution.strategies.base import Floats, Vector
from luts.space import Vectors
from predictor.descent import descend
from predictor.extremes import minimise


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
        asked: how its budget was given (None: in milliseconds).
    """

    def __init__(self, constraint: LatencyConstraint, asked: Asked | None = None) -> None:
        self.name = "latency_ms"
        self.constraint = constraint
        self.limits = (constraint,)
        text = f"{constraint.budget_ms:g}"
        self.asked = asked or Asked(LATENCY_MS, text, text)

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
        return (
            f"infeasible: no architecture of {space} is sure to keep {self.say(self.top)} "
            f"({self.asked}); predictions reach from {low:.3f} to {high:.3f} ms, and the lowest "
            f"upper bound is {reach.low:.3f} ms; give "
            f"{self.asked.least_latency(reach.low, self.top)}"
        )


class QuantityRequirement(Requirement):
    """A quantity must not exceed a value.

    Args:
        quantity: what is limited.
        most: the largest value that is allowed.
        asked: how it was given, for refusals.
    """

    def __init__(self, quantity: Quantity, most: float, asked: Asked | None = None) -> None:
        self.name = quantity.name
        self.quantity = quantity
        self._most = most
        self._asked = "" if asked is None else f" ({asked})"
        self.limits = tuple(QuantityLimit(quantity.space, rows, most, quantity.idle)
                            for rows in quantity.parts)

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
        least = self.quantity.least()
        if space.idle(np.array([least])):  # what is idle is not additive
            least = tuple(descend(space, np.array(least), self.quantity.values).tolist())
        most = [minimise(space, [-values for values in rows]) for rows in parts]
        values = self.values(np.array([least, *(tuple(v.tolist()) for v in most)]))
        return Reach(least, float(values[0]), float(values.max()))

    def refusal(self, reach: Reach, space: str) -> str:
        """See `Requirement.refusal`."""
        return (f"infeasible: no architecture of {space} has at most {self.say(self.top)}"
                f"{self._asked}; they have from {self.say(reach.low)} to {self.say(reach.high)}")


def limits_of(requirements: Sequence[Requirement]) -> list[Limit]:
    """All limits, in the order of the requirements."""
    return [limit for requirement in requirements for limit in requirement.limits]
