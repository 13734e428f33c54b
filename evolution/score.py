"""Additive scores of architectures, and what has the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolution.counts import gathered
from evolution.strategies.base import Floats, Vector
from luts.space import Factor, OperatorSpace, Vectors


@dataclass(frozen=True)
class Score:
    """A sum of scores of choices, of factor rows, and of combinations of choices.

    Attributes:
        choices: per decision, the score of each choice, each of shape ``(choices,)``; or empty.
        rows: per factor of the space, the score of each of its rows, each of shape ``(rows,)``;
            or empty.
        groups: indices of decisions, and the score of each combination of their choices, the last
            the fastest, each of shape ``(combinations,)``.
    """

    choices: Sequence[Floats] = ()
    rows: Sequence[Floats] = ()
    groups: Sequence[tuple[tuple[int, ...], Floats]] = ()

    def of(self, space: OperatorSpace, vectors: Vectors) -> Floats:
        """Scores of architectures, shape ``(count,)``.

        Args:
            space: the space.
            vectors: index vectors, shape ``(count, decisions)``.
        """
        total = gathered(space, self.rows, vectors) if self.rows else np.zeros(len(vectors))
        for decision, values in enumerate(self.choices):
            total = total + values[vectors[:, decision]]
        for decisions, values in self.groups:
            total = total + values[space.factor_rows(Factor("", decisions), vectors)]
        return total


@dataclass(frozen=True)
class Optimum:
    """What the solver found.

    Attributes:
        vector: an architecture of the highest score.
        score: that score.
        bound: no architecture has a higher one; equal to ``score`` but for the solver's tolerance.
    """

    vector: Vector
    score: float
    bound: float
