"""Repair: what is above a limit gives back what the table says that it must, and little more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evolution.constraint import Limit
from evolution.strategies.base import Floats, Mask
from luts.space import OperatorSpace, Vectors

ROUNDS = 1
# Asked for on top, as a share of the limit, since a bound is no exact multiple of a table's sum.
_RESERVE = 3e-3


class Slack:
    """Changes decisions of architectures that break limits until the table says that they fit.

    All single changes of all architectures are priced by gathers. A change that suffices is taken
    at random, those that leave little of the limit unused more often; where none suffices, one of
    those that help most is, and the next is looked for.

    Args:
        space: the space.
        limits: all must hold; what their factors use is priced once, on first use.
    """

    def __init__(self, space: OperatorSpace, limits: Sequence[Limit]) -> None:
        self.space = space
        self.limits = tuple(limits)
        sizes = space.cardinalities
        self._decision = np.repeat(np.arange(len(sizes)), sizes)
        self._value = np.concatenate([np.arange(size) for size in sizes])
        self._moves = [
            np.flatnonzero(np.isin(self._decision, factor.decisions)) for factor in space.factors
        ]

    def repair(self, rng: np.random.Generator, vectors: Vectors) -> tuple[Vectors, Mask]:
        """Architectures of which more keep the limits.

        Args:
            rng: source of randomness.
            vectors: index vectors, shape ``(count, decisions)``; left as they are.

        Returns:
            The same architectures where the limits are kept, repaired ones elsewhere, shape
            ``(count, decisions)``, and which of them keep the limits now, shape ``(count,)``: after
            ``ROUNDS`` rounds, each of as many changes as there are decisions, some may still not.
        """
        kept = np.ones(len(vectors), dtype=np.bool_)
        if not self.limits or not len(vectors):
            return vectors, kept
        repaired = vectors.copy()
        left = np.arange(len(vectors))
        for last in range(ROUNDS + 1):
            uses = np.stack([limit.use(repaired[left]) for limit in self.limits])
            kept[left] = (uses <= 1).all(axis=0)
            over = uses[:, ~kept[left]] - 1
            left = left[~kept[left]]
            if not left.size or last == ROUNDS:
                break
            repaired[left] = self._shrink(rng, repaired[left], over + _RESERVE)
        return repaired, kept

    def _shrink(self, rng: np.random.Generator, vectors: Vectors, over: Floats) -> Vectors:
        """As many changes as there are decisions at most; ``over`` is ``(limits, count)``."""
        for _ in range(len(self.space.decisions)):
            left = np.flatnonzero((over > 0).any(axis=0))
            if not left.size:
                break
            change = np.stack([self._changes(prices, vectors[left]) for prices in self._prices])
            after = over[:, left, None] + change
            worst = after.max(axis=0)
            chance = rng.random(worst.shape)
            # Below 1 what suffices, the tighter the likelier; above it what does not.
            key = np.where(worst <= 0, -worst * chance, 1 + worst * (1 + chance))
            best = key.argmin(axis=1)
            row = np.arange(len(left))
            helps = worst[row, best] < over[:, left].max(axis=0)
            if not helps.any():
                break
            left, best, row = left[helps], best[helps], row[helps]
            vectors[left, self._decision[best]] = self._value[best]
            over[:, left] = after[:, row, best]
        return vectors

    def _changes(self, prices: Sequence[Floats], vectors: Vectors) -> Floats:
        """What every single change adds, shape ``(count, choices of all decisions)``."""
        total: npt.NDArray[np.float64] = np.zeros((len(vectors), len(self._decision)))
        for factor, moves, table in zip(self.space.factors, self._moves, prices, strict=True):
            if moves.size:
                total[:, moves] += table[self.space.factor_rows(factor, vectors)]
        return total

    @cached_property
    def _prices(self) -> list[list[Floats]]:
        """Per limit and factor, what each change of its decisions adds to each of its rows."""
        return [self._priced(limit.factor_uses()) for limit in self.limits]

    def _priced(self, uses: Sequence[Floats]) -> list[Floats]:
        tables = []
        for factor, moves, values in zip(self.space.factors, self._moves, uses, strict=True):
            rows = np.arange(len(values))
            strides = {}
            stride = 1
            for decision in reversed(factor.decisions):
                strides[decision] = stride
                stride *= int(self.space.cardinalities[decision])
            table = np.empty((len(values), len(moves)))
            for column, move in enumerate(moves.tolist()):
                decision, value = int(self._decision[move]), int(self._value[move])
                now = rows // strides[decision] % self.space.cardinalities[decision]
                table[:, column] = values[rows + (value - now) * strides[decision]] - values
            tables.append(table)
        return tables
