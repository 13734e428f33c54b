"""NSGA-II: a population that approaches the Pareto front of 2 to 4 objectives.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEVC 6(2), 2002.
Constraints are not penalties here: children are repaired, and only allowed ones are scored.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from evolution.objectives import OBJECTIVES
from evolution.pareto import crowding, ranks
from evolution.strategies.base import Floats, LegalRegion, StrategySettings, Vector
from evolution.strategies.breeding import fresh
from evolution.strategies.remembering import Remembering, as_matrix
from luts.space import Vectors


class Nsga2Settings(StrategySettings):
    """Options of `Nsga2`.

    Attributes:
        objectives: what is minimised, 2 to 4 names of `evolution.objectives`, fitness first.
        population: architectures that survive, and children per generation.
        generations: generations, the random first one included.
        crossover_probability: chance that a child has two parents (0.9 in the paper).
        mutation_probability: chance that a gene is drawn anew; None takes one gene in expectation
            (the paper's 1 / decisions).
        tries: at most this many times the wanted children are drawn before random architectures
            fill the generation.
    """

    objectives: tuple[str, ...] = Field(default=("fitness", "latency_ms"), min_length=2,
                                        max_length=4)
    population: int = Field(default=40, ge=2)
    generations: int = Field(default=5, ge=1)
    crossover_probability: float = Field(default=0.9, ge=0, le=1)
    mutation_probability: float | None = Field(default=None, gt=0, le=1)
    tries: int = Field(default=10, ge=1)

    @field_validator("objectives")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in OBJECTIVES]
        if unknown or names[0] != "fitness" or len(set(names)) < len(names):
            raise ValueError(f"give 'fitness' and one to three of {', '.join(OBJECTIVES[1:])}")
        return names

    @property
    def evaluations(self) -> int:
        """Population times generations."""
        return self.population * self.generations


class Nsga2(Remembering):
    """Binary tournaments by front and crowding; the best of parents and children survive."""

    Settings: ClassVar[type[StrategySettings]] = Nsga2Settings

    def __init__(self, region: LegalRegion, settings: Nsga2Settings, seed: int) -> None:
        super().__init__(region, settings, seed)
        self._alive: list[tuple[tuple[float, ...], Vector]] = []

    @property
    def objectives(self) -> tuple[str, ...]:
        """See `Nsga2Settings`."""
        return tuple(self.settings.objectives)

    @property
    def batch(self) -> int:
        """The population."""
        return int(self.settings.population)

    def tell(self, vectors: Vectors, fitness: Floats) -> None:
        """Remembers results and lets the best survive; see `Strategy.tell`."""
        before = len(self._told)
        super().tell(vectors, fitness)
        new = [told for told in self._told[before:] if np.isfinite(told[0]).all()]
        everyone = self._alive + new
        if everyone:
            order = _order(np.array([values for values, _ in everyone]))
            self._alive = [everyone[i] for i in order[: self.settings.population]]

    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        if not self._alive:
            return []
        parents = as_matrix([v for _, v in self._alive], len(self.region.space.decisions))
        return fresh([(lambda rng, wanted: self._children(rng, parents, wanted), count)],
                     self.region.repair, rng, seen=self._seen, tries=self.settings.tries)

    def _children(self, rng: np.random.Generator, parents: Vectors, wanted: int) -> Vectors:
        # Survivors stand in the order of the tournament: the smaller index wins.
        first, second = rng.integers(len(parents), size=(2, wanted, 2)).min(axis=2)
        genes = parents.shape[1]
        options = self.settings
        cross = rng.random((wanted, 1)) < options.crossover_probability
        other = cross & (rng.random((wanted, genes)) < 0.5)
        child = np.where(other, parents[second], parents[first])
        redraw = rng.random(child.shape) < (options.mutation_probability or 1 / genes)
        return np.asarray(np.where(redraw, self.region.space.sample(rng, wanted), child))

    def front(self) -> tuple[Vectors, Floats]:
        """The survivors that no other dominates.

        Returns:
            Index vectors, shape ``(n, decisions)``, and objectives, shape ``(n, objectives)``.
        """
        genes, width = len(self.region.space.decisions), len(self.objectives)
        if not self._alive:
            return as_matrix([], genes), np.empty((0, width))
        values = np.array([values for values, _ in self._alive])
        first = np.flatnonzero(ranks(values) == 0)
        return as_matrix([self._alive[i][1] for i in first], genes), values[first]

    def state(self) -> dict[str, Any]:
        """See `Strategy.state`."""
        alive = [[list(values), list(vector)] for values, vector in self._alive]
        return {**super().state(), "alive": alive}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Strategy.restore`."""
        super().restore(state)
        self._alive = [(tuple(map(float, values)), tuple(v)) for values, v in state["alive"]]


def _order(values: Floats) -> list[int]:
    """Indices by front, then by crowding, the loneliest first."""
    front = ranks(values)
    distance = np.zeros(len(values))
    for rank in range(int(front.max()) + 1):
        own = np.flatnonzero(front == rank)
        distance[own] = crowding(values[own])
    return [int(i) for i in np.lexsort((-distance, front))]
