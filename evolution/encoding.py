"""What an accuracy model sees of an architecture: its choices, and what it costs."""

from __future__ import annotations

import numpy as np

from evolution.counts import COUNTS, counted, gathered
from evolution.linear_score import one_hot
from evolution.strategies.base import Floats, LegalRegion
from luts.space import Vectors

_SAMPLES = 512


class Encoding:
    """Two groups of features: choices as indicators, and logarithms of weights and work.

    Costs are brought to mean 0 and deviation 1 over random architectures of the space.

    Args:
        region: of the architectures.
    """

    def __init__(self, region: LegalRegion) -> None:
        self._space = region.space
        self._counts = [counted(self._space, name) for name in COUNTS]
        drawn = self._logarithms(self._space.sample(np.random.default_rng(0), _SAMPLES))
        self._mean, self._width = drawn.mean(axis=0), drawn.std(axis=0) + 1e-9

    def __call__(self, vectors: Vectors) -> list[Floats]:
        """Features of architectures, each group of shape ``(count, features)``."""
        costs = (self._logarithms(vectors) - self._mean) / self._width
        return [one_hot(self._space, vectors), costs]

    def _logarithms(self, vectors: Vectors) -> Floats:
        totals = [np.log(gathered(self._space, rows, vectors) + 1) for rows in self._counts]
        return np.stack(totals, axis=1)
