"""A limit on how many choices an architecture may have that training removed from the space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evolution.constraint import Limit
from evolution.strategies.base import Floats
from luts.space import OperatorSpace, Vectors


class Left(Limit):
    """At most so many removed choices; additive, so that repair and integer programmes know it.

    Args:
        space: the space.
        scores: by decision, a score of each choice, minus infinity where it was removed.
        most: how many an architecture may have.
    """

    def __init__(self, space: OperatorSpace, scores: Sequence[Floats], most: int) -> None:
        self.space, self.most = space, most
        self._gone = [np.isneginf(each).astype(np.float64) for each in scores]

    def removed(self, vectors: Vectors) -> Floats:
        """How many choices of each architecture were removed, shape ``(count,)``."""
        total = np.zeros(len(vectors))
        for place, gone in enumerate(self._gone):
            total += gone[vectors[:, place]]
        return total

    def use(self, vectors: Vectors) -> Floats:
        """See `Limit.use`; between two whole numbers, so that rounding decides nothing."""
        return self.removed(vectors) / (self.most + 0.5)

    def factor_uses(self) -> list[Floats]:
        """See `Limit.factor_uses`; the first factor that sees a decision counts it."""
        counted: set[int] = set()
        found = []
        for factor in self.space.factors:
            shape = tuple(int(self.space.cardinalities[i]) for i in factor.decisions)
            rows = np.zeros(shape)
            for axis, decision in enumerate(factor.decisions):
                if decision not in counted:
                    counted.add(decision)
                    along = [1] * len(shape)
                    along[axis] = -1
                    rows = rows + self._gone[decision].reshape(along)
            found.append(rows.reshape(-1) / (self.most + 0.5))
        return found
