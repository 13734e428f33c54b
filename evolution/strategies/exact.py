"""Exact search under a linear accuracy score, which is learned anew before each batch."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from evolution.linear_score import LinearScore
from evolution.optimum import Optimiser, work
from evolution.programme import Optimum
from evolution.strategies.base import LegalRegion, SampledSettings, StrategySettings, Vector
from evolution.strategies.remembering import Remembering


class ExactSettings(SampledSettings):
    """Options of `Exact`.

    Attributes:
        batch: architectures that are asked for at once.
    """

    batch: int = Field(default=10, ge=1)


class Exact(Remembering):
    """Optima of integer programmes over the additive table.

    The first batch holds the architecture of most weights and work that the limits allow, and
    random ones to learn from. Later ones hold the optimum of the score as expected and, since one
    optimum teaches little, optima of scores drawn from what is known about the effects.

    Attributes:
        optimum: of the score as last expected, with the bound that proves it; None before the
            first turn, and where none was left.
    """

    Settings: ClassVar[type[StrategySettings]] = ExactSettings

    def __init__(self, region: LegalRegion, settings: ExactSettings, seed: int) -> None:
        super().__init__(region, settings, seed)
        self._optimiser = Optimiser(region)
        self.optimum: Optimum | None = None

    @property
    def batch(self) -> int:
        """See `ExactSettings`."""
        return int(self.settings.batch)

    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        vectors, fitness = self.scored()
        seen, found = set(self._seen), list[Vector]()
        if not len(fitness):
            scores = [work(self.region.space)] if not seen else []
        else:
            model = LinearScore.fit(self.region.space, vectors, fitness)
            scores = [model.expected(), *(model.sampled(rng) for _ in range(count - 1))]
        for number, score in enumerate(scores[:count]):
            optimum = self._optimiser.best(score, seen)
            self.optimum = optimum if number == 0 else self.optimum
            if optimum is None:
                break
            seen.add(optimum.vector)
            found.append(optimum.vector)
        return found
