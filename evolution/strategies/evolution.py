"""Evolution: the best of all history mutate and cross over, as FlowNAS and its kin search."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from evolution.strategies.base import Mask, StrategySettings, Vector
from evolution.strategies.breeding import crossed, fresh, mutated
from evolution.strategies.remembering import Remembering
from luts.space import Vectors

PRESETS: dict[str, dict[str, Any]] = {
    # arXiv 2207.01271 and its search script; the defaults below.
    "flownas": {},
    # arXiv 2109.00642 and its search script: 500 random networks, then 19 times 75 + 75 children,
    # all within 0.975 and 1 of the limit.
    "vit-resnas": {
        "population": 150, "first": 500, "generations": 20, "parents": 75, "mutations": 75,
        "mutation_probability": 0.3, "crossovers": 75, "different_parents": True,
        "least_use": 0.975,
    },
    # arXiv 2007.16100: 50 x 20, half of each kind. Parents and mutation rate were never published;
    # they are FlowNAS's.
    "spvnas": {"population": 50, "generations": 20, "mutations": 25, "crossovers": 25},
    # arXiv 1908.09791 and its search script: a quarter of 100 stay and have 100 children. There
    # the same network may come twice, and what breaks the limit is drawn again, not repaired.
    "once-for-all": {
        "population": 100, "generations": 500, "parents": 25, "mutations": 50,
        "mutation_probability": 0.1, "crossovers": 50, "repair": False, "tries": 100,
    },
}


class EvolutionSettings(StrategySettings):
    """Options of `Evolution`; the defaults are FlowNAS's.

    Attributes:
        preset: published settings that stand for all options not given.
        population: architectures per generation.
        first: architectures of the random first generation; None takes the population.
        generations: generations, the random first one included.
        parents: how many of the best of all history have children.
        mutations: children of one parent, per generation.
        mutation_probability: chance that a gene is drawn anew (the same value may come again).
        crossovers: children of two parents, each gene from either with even chance.
        different_parents: whether these two must differ.
        tries: at most this many times the wanted children are drawn before random architectures
            fill the generation.
        repair: whether children above a limit are repaired, not thrown away (our design).
        least_use: least share of the tightest limit that a child uses. It holds for the random
            first generation as far as ``tries`` times as many draws have such.
        corners: whether the first generation holds the space's smallest and largest architecture,
            where they are allowed: the sandwich rule trains these two in every step (our design).
    """

    preset: str = "flownas"
    population: int = Field(default=50, ge=1)
    first: int | None = Field(default=None, ge=1)
    generations: int = Field(default=20, ge=1)
    parents: int = Field(default=10, ge=1)
    mutations: int = Field(default=25, ge=0)
    mutation_probability: float = Field(default=0.1, gt=0, le=1)
    crossovers: int = Field(default=25, ge=0)
    different_parents: bool = False
    tries: int = Field(default=10, ge=1)
    repair: bool = True
    least_use: float = Field(default=0.0, ge=0, lt=1)
    corners: bool = False

    @model_validator(mode="before")
    @classmethod
    def _published(cls, given: Any) -> Any:
        name = given.get("preset", "flownas") if isinstance(given, dict) else "flownas"
        if name not in PRESETS:
            raise ValueError(f"unknown preset '{name}'; known: {', '.join(sorted(PRESETS))}")
        return {**PRESETS[name], **given} if isinstance(given, dict) else given

    @property
    def evaluations(self) -> int:
        """First generation, and the population times the others."""
        return (self.first or self.population) + self.population * (self.generations - 1)


class Evolution(Remembering):
    """Random first generation, then mutation and crossover of the best so far."""

    Settings: ClassVar[type[StrategySettings]] = EvolutionSettings

    @property
    def batch(self) -> int:
        """The population; in the first turn, that of the first generation."""
        first = None if self.turn else self.settings.first
        return int(first or self.settings.population)

    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        options, space = self.settings, self.region.space
        parents = self.best(options.parents)
        if not len(parents):
            corners = self.corners()[:count] if options.corners else []
            return corners + self._used_enough(rng, corners, count - len(corners))
        share = min(1.0, count / options.population)

        def mutants(rng: np.random.Generator, wanted: int) -> Vectors:
            return mutated(rng, space, parents, wanted, options.mutation_probability)

        def crosses(rng: np.random.Generator, wanted: int) -> Vectors:
            return crossed(rng, parents, wanted, different=options.different_parents)

        first = min(count, round(options.mutations * share))
        second = min(count - first, round(options.crossovers * share))
        return fresh([(mutants, first), (crosses, second)], self._judge, rng, seen=self._seen,
                     tries=options.tries)

    def _judge(self, rng: np.random.Generator, vectors: Vectors) -> tuple[Vectors, Mask]:
        """Repaired where that is wanted; which are allowed and use enough of the limits."""
        if self.settings.repair:
            vectors, mask = self.region.repair(rng, vectors)
        else:
            mask = self.region.allowed(vectors)
        if self.settings.least_use and self.region.limits:
            used = np.max([limit.use(vectors) for limit in self.region.limits], axis=0)
            mask = mask & (used >= self.settings.least_use)
        return vectors, mask

    def _used_enough(
        self, rng: np.random.Generator, taken: list[Vector], wanted: int
    ) -> list[Vector]:
        if not self.settings.least_use:
            return []
        return fresh([(self.region.space.sample, wanted)], self._judge, rng,
                     seen=self._seen.union(taken), tries=self.settings.tries)
