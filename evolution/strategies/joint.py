"""The default: exact optima seed, evolution explores, and an accuracy model chooses.

Why, with the evidence: docs/decisions/search-strategy.md.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from evolution.linear_score import LinearScore
from evolution.optimum import Optimiser, work
from evolution.programme import Score
from evolution.strategies.base import LegalRegion, StrategySettings, Vector
from evolution.strategies.breeding import crossed, fresh, mutated
from evolution.strategies.guided import Guided, GuidedSettings
from evolution.strategies.remembering import as_matrix
from luts.space import Vectors


class JointSettings(GuidedSettings):
    """Options of `Joint`.

    Attributes:
        seeds: how many of the first architectures are the exact optima of weights and work.
        corners: whether the space's smallest and largest architecture come first, where they are
            allowed: the sandwich rule trains these two in every step.
        optima: exact optima of the linear score that join each pool.
        parents: how many of the best of all history have children.
        mutation_probability: chance that a gene of a child is drawn anew.
    """

    seeds: int = Field(default=5, ge=0)
    corners: bool = False
    optima: int = Field(default=2, ge=0)
    parents: int = Field(default=20, ge=1)
    mutation_probability: float = Field(default=0.1, gt=0, le=1)


class Joint(Guided):
    """Scores what the model expects most of, among children, exact optima and random ones.

    First come the architectures of most weights and work that the limits allow, and random ones.
    Regions that are small enough are listed, and every member is a candidate.
    """

    Settings: ClassVar[type[StrategySettings]] = JointSettings

    def __init__(self, region: LegalRegion, settings: JointSettings, seed: int) -> None:
        super().__init__(region, settings, seed)
        self._optimiser = Optimiser(region)

    def _begin(self, rng: np.random.Generator, count: int) -> list[Vector]:
        if self._seen:
            return []
        rows = self.corners()[:count] if self.settings.corners else []
        scores = [work(self.region.space)] * min(count - len(rows), self.settings.seeds)
        return rows + self._optima(scores, set(rows))

    def _optima(self, scores: list[Score], seen: set[Vector]) -> list[Vector]:
        found: list[Vector] = []
        for score in scores:
            optimum = self._optimiser.best(score, seen.union(found))
            if optimum is None:
                break
            found.append(optimum.vector)
        return found

    def _drawn(self, rng: np.random.Generator) -> Vectors:
        options, space = self.settings, self.region.space
        vectors, fitness = self.scored()
        model = LinearScore.fit(space, vectors, fitness)
        scores = [model.expected(), *(model.sampled(rng) for _ in range(options.optima - 1))]
        rows = self._optima(scores[: options.optima], self._seen)
        parents = self.best(options.parents)

        def mutants(rng: np.random.Generator, wanted: int) -> Vectors:
            return mutated(rng, space, parents, wanted, options.mutation_probability)

        def crosses(rng: np.random.Generator, wanted: int) -> Vectors:
            return crossed(rng, parents, wanted, different=True)

        seen = self._seen.union(rows)
        third = options.pool // 3
        rows += fresh([(mutants, third), (crosses, third)], self.region.repair, rng, seen=seen,
                      tries=2)
        drawn = self.region.draw(rng, options.pool - len(rows), seen)
        return np.concatenate([as_matrix(rows, len(space.decisions)), drawn])
