"""Costs of what factors count, and some architectures do not execute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from luts._costs import cost_of
from luts.lowered import lowered
from luts.operator import PlacedOperator
from luts.space import FoldingOperators, OperatorSpace, Vectors

Floats = npt.NDArray[np.float64]
Cost = Callable[[Sequence[PlacedOperator]], Sequence[float]]


class IdleCosts:
    """What sums over factors have too much (see `OperatorSpace.idle`), by gathers.

    Args:
        space: the space.
        cost: additive costs of operators, always as many; 0 of none.
    """

    def __init__(self, space: OperatorSpace, cost: Cost) -> None:
        self._space, self._cost = space, cost
        self._places = {factor.name: place for place, factor in enumerate(space.factors)}
        self._rows: dict[tuple[str, str], Floats] = {}

    def places(self) -> set[int]:
        """Of the factors that have such parts, in one architecture or another."""
        any_one = np.zeros((1, len(self._space.decisions)), dtype=np.int64)
        return {self._places[part.factor] for part in self._space.idle(any_one)}

    def by_factor(self, vectors: Vectors) -> dict[int, Floats]:
        """Costs too much, of each factor that has any.

        Args:
            vectors: index vectors, shape ``(count, decisions)``.

        Returns:
            By place of the factor, shape ``(costs, count)``.
        """
        found: dict[int, Floats] = {}
        rows: dict[int, npt.NDArray[np.int64]] = {}
        for part in self._space.idle(vectors):
            if not part.where.any():
                continue
            place = self._places[part.factor]
            if place not in rows:
                rows[place] = self._space.factor_rows(self._space.factors[place], vectors)
            costs = np.take(self._part(part.factor, part.path), rows[place], axis=1) * part.where
            found[place] = found[place] + costs if place in found else costs
        return found

    def _part(self, factor: str, path: str) -> Floats:
        """Costs of a part in each row of its factor, shape ``(costs, rows)``."""
        key = factor, path
        if key not in self._rows:
            self._rows[key] = np.array([
                self._cost([item for item in placed
                            if item.path == path or item.path.startswith(f"{path}.")])
                for placed in lowered(self._space)[self._places[factor]]
            ], dtype=np.float64).T
        return self._rows[key]


@lru_cache(maxsize=8)
def idle_flops(space: OperatorSpace) -> IdleCosts:
    """What sums of FLOPs over factors have too much; each execution counts."""
    return IdleCosts(space, lambda placed: [
        sum(cost_of(item.operator).flops * item.repeats for item in placed)])


@lru_cache(maxsize=8)
def idle_parameters(space: OperatorSpace) -> IdleCosts:
    """What sums of weights over factors have too much, those of folded norms among them."""
    def cost(placed: Sequence[PlacedOperator]) -> list[float]:
        folded = space.folded_into(placed) if isinstance(space, FoldingOperators) else 0
        return [sum(cost_of(item.operator).parameters for item in placed) + folded]

    return IdleCosts(space, cost)
