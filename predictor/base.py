"""The seam of a latency predictor: integer vectors in, latencies and upper bounds out."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from luts.errors import UserError
from luts.registry import Registry
from luts.space import OperatorSpace, Vectors
from predictor.descent import descend
from predictor.extremes import Floats, Vector, minimise

_STARTS = 8


@dataclass(frozen=True, slots=True)
class Prediction:
    """Latencies of a population.

    Attributes:
        latency_ms: expected latencies, shape ``(count,)``.
        upper_ms: upper bounds, which a fresh measurement exceeds with probability 1 - level,
            shape ``(count,)``.
    """

    latency_ms: Floats
    upper_ms: Floats


class LatencyPredictor(abc.ABC):
    """Predicts the latency of architectures of one space on one target.

    Attributes:
        space: the space whose index vectors it takes.
        level: the share of fresh measurements that stay below the upper bound.
        table_identity: identity of the table that it was fitted to.
        speed_margin: logarithm of that part of the upper bound over the prediction which is there
            for the machine's slowest speed.
        relative_margin: logarithm of the same bound on the ratio to the reference's latency, where
            the errors of both go together; None where that is not known to be less.
    """

    space: OperatorSpace
    level: float
    table_identity: str
    speed_margin: float = 0.0
    relative_margin: float | None = None

    @abc.abstractmethod
    def predict(self, vectors: Vectors) -> Prediction:
        """Predicts a whole population in one call.

        Args:
            vectors: int64 index vectors, shape ``(count, decisions)``; ``count`` may be 0.

        Raises:
            UserError: another shape or type, or an index outside its decision.
        """

    @abc.abstractmethod
    def predict_reference(self) -> tuple[float, float]:
        """Latency and upper bound of the space's hand-designed baseline, in ms."""

    @abc.abstractmethod
    def save(self, folder: Path) -> None:
        """Writes the predictor; `predictor.load` reads it back to equal predictions."""

    @abc.abstractmethod
    def factor_costs(self) -> list[Floats]:
        """Additive part of the prediction.

        Returns:
            Per factor, the latency in ms of each row of ``space.factor_choices(factor)``, each of
            shape ``(rows,)``.
        """

    def idle_ms(self, vectors: Vectors) -> dict[int, Floats]:
        """What sums of `factor_costs` have too much, by place of the factor, each ``(count,)``.

        Args:
            vectors: index vectors, shape ``(count, decisions)``.
        """
        return {}

    def parts_ms(self, vectors: Vectors) -> Floats:
        """Additive latency of each factor of each architecture, shape ``(count, factors)``.

        Args:
            vectors: index vectors, shape ``(count, decisions)``.
        """
        found = np.stack([
            costs[self.space.factor_rows(factor, vectors)]
            for factor, costs in zip(self.space.factors, self.factor_costs(), strict=True)
        ], axis=1)
        for place, idle_ms in self.idle_ms(vectors).items():
            found[:, place] -= idle_ms
        return found

    def fastest(self) -> Vector:
        """Architecture with the least additive latency, exactly; shape ``(decisions,)``.

        Where parts can be `OperatorSpace.idle`, the least predicted latency that single changes
        find, from the additive optimum and from some random ones.
        """
        return self._ends[0]

    def slowest(self) -> Vector:
        """Architecture with the largest additive latency; see `fastest`."""
        return self._ends[1]

    @cached_property
    def _ends(self) -> tuple[Vector, Vector]:
        return self._end(1.0), self._end(-1.0)

    def _end(self, sign: float) -> Vector:
        start = minimise(self.space, [sign * cost for cost in self.factor_costs()])
        if not self.space.idle(start[None]):
            return start

        def cost(vectors: Vectors) -> Floats:
            return sign * self.predict(vectors).latency_ms

        starts = [start, *self.space.sample(np.random.default_rng(0), _STARTS)]
        found = np.stack([descend(self.space, each, cost) for each in starts])
        least: Vector = found[int(np.argmin(cost(found)))]
        return least

    def interval_ms(self) -> tuple[float, float]:
        """Predicted latencies of the fastest and of the slowest architecture, in ms.

        The smallest budget that can be promised is a little higher: the upper bound of the
        fastest, ``predict(fastest()[None]).upper_ms[0]``.
        """
        latency_ms = self.predict(np.stack([self.fastest(), self.slowest()])).latency_ms
        return float(latency_ms[0]), float(latency_ms[1])


PREDICTORS: Registry[LatencyPredictor] = Registry(
    "kind of predictor",
    "metronas.predictors",
    {"network": "predictor.network:load_network_predictor"},
)
"""Loaders ``(folder, table, space) -> LatencyPredictor`` by the kind that a sidecar names."""


def checked(vectors: Vectors, space: OperatorSpace) -> Vectors:
    """Vectors as they came, once they are known to belong to the space.

    Args:
        vectors: index vectors, shape ``(count, decisions)``.
        space: the space that they should belong to.

    Raises:
        UserError: another shape or type, or an index outside its decision.
    """
    wanted = len(space.decisions)
    if vectors.ndim != 2 or vectors.shape[1] != wanted:
        raise UserError(
            f"space {space.name} takes vectors of shape (count, {wanted}), got {vectors.shape}"
        )
    if not np.issubdtype(vectors.dtype, np.integer):
        raise UserError(f"vectors are indices (integers), got {vectors.dtype}")
    wrong = (vectors < 0) | (vectors >= space.cardinalities)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        decision = space.decisions[column]
        raise UserError(
            f"index {vectors[row, column]} of {decision.name} in row {row} is outside "
            f"0..{len(decision.choices) - 1}"
        )
    return vectors
