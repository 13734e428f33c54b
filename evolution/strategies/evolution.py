"""FlowNAS's evolution: the best of all history mutate and cross over (arXiv 2207.01271)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from evolution.strategies.base import (
    Floats,
    LegalRegion,
    Strategy,
    StrategySettings,
    Vector,
)
from luts.errors import UserError
from luts.space import Vectors


class EvolutionSettings(StrategySettings):
    """Options of `Evolution`; the defaults are the paper's.

    Attributes:
        population: architectures per generation.
        generations: generations, the random first one included.
        parents: how many of the best of all history have children.
        mutations: children of one parent, per generation.
        mutation_probability: chance that a gene is drawn anew (the same value may come again).
        crossovers: children of two parents, each gene from either with even chance.
        tries: at most this many times the wanted children are drawn before random architectures
            fill the generation.
        corners: whether the first generation holds the space's smallest and largest architecture,
            where they are allowed: the sandwich rule trains these two in every step (our design).
    """

    population: int = Field(default=50, ge=1)
    generations: int = Field(default=20, ge=1)
    parents: int = Field(default=10, ge=1)
    mutations: int = Field(default=25, ge=0)
    mutation_probability: float = Field(default=0.1, gt=0, le=1)
    crossovers: int = Field(default=25, ge=0)
    tries: int = Field(default=10, ge=1)
    corners: bool = False

    @property
    def evaluations(self) -> int:
        """Population times generations."""
        return self.population * self.generations


class Evolution(Strategy):
    """Random first generation, then mutation and crossover of the best so far.

    Each generation draws from a generator seeded by (seed, generation), so the state holds no
    generator.
    """

    Settings: ClassVar[type[StrategySettings]] = EvolutionSettings

    def __init__(self, region: LegalRegion, settings: EvolutionSettings, seed: int) -> None:
        super().__init__(region, settings, seed)
        self.generation = 0
        self._seen: set[Vector] = set()
        self._told: list[tuple[float, Vector]] = []

    @property
    def batch(self) -> int:
        """The population."""
        return int(self.settings.population)

    def ask(self, count: int) -> Vectors:
        """Proposes a generation; see `Strategy.ask`."""
        options = self.settings
        rng = np.random.default_rng([self.seed, self.generation])
        self.generation += 1
        children: list[Vector] = []
        if self._told:
            best = sorted(self._told)[: options.parents]
            parents = np.array([vector for _, vector in best], dtype=np.int64)
            share = min(1.0, count / options.population)
            for operator, wanted in (
                (self._mutate, options.mutations),
                (self._cross, options.crossovers),
            ):
                room = count - len(children)
                children += self._children(operator, rng, parents, min(room, round(wanted * share)))
        elif options.corners:
            children += self._corners()[:count]
        seen = self._seen.union(children)
        fresh = self.region.draw(rng, count - len(children), seen)
        children += [tuple(row) for row in fresh.tolist()]
        self._seen.update(children)
        genes = len(self.region.space.decisions)
        return np.array(children, dtype=np.int64).reshape(len(children), genes)

    def _corners(self) -> list[Vector]:
        """First and last choice of every decision, where allowed and not yet proposed."""
        sizes = np.array(self.region.space.cardinalities, dtype=np.int64)
        ends = np.stack([np.zeros_like(sizes), sizes - 1])
        rows = [tuple(row) for row in ends[self.region.allowed(ends)].tolist()]
        return [row for row in dict.fromkeys(rows) if row not in self._seen]

    def _children(
        self,
        operator: Callable[[np.random.Generator, Vectors, int], Vectors],
        rng: np.random.Generator,
        parents: Vectors,
        wanted: int,
    ) -> list[Vector]:
        """At most ``wanted`` new allowed children from ``tries * wanted`` draws."""
        found: list[Vector] = []
        for _ in range(self.settings.tries):
            if len(found) >= wanted:
                break
            drawn = operator(rng, parents, wanted)
            for row in drawn[self.region.allowed(drawn)].tolist():
                child = tuple(row)
                if child not in self._seen and len(found) < wanted:
                    self._seen.add(child)
                    found.append(child)
        return found

    def _mutate(self, rng: np.random.Generator, parents: Vectors, count: int) -> Vectors:
        chosen = parents[rng.integers(len(parents), size=count)]
        drawn = self.region.space.sample(rng, count)
        redraw = rng.random(chosen.shape) < self.settings.mutation_probability
        return np.asarray(np.where(redraw, drawn, chosen))

    @staticmethod
    def _cross(rng: np.random.Generator, parents: Vectors, count: int) -> Vectors:
        pairs = parents[rng.integers(len(parents), size=(2, count))]
        first = rng.random(pairs[0].shape) < 0.5
        return np.asarray(np.where(first, pairs[0], pairs[1]))

    def tell(self, vectors: Vectors, fitness: Floats) -> None:
        """Remembers results; see `Strategy.tell`."""
        if len(vectors) != len(fitness):
            raise UserError(f"{len(vectors)} architectures were told {len(fitness)} results")
        if np.isnan(fitness).any():
            raise UserError("fitness is nan; tell infinity for what could not be scored")
        rows = (tuple(row) for row in vectors.tolist())
        self._told += zip((float(value) for value in fitness), rows, strict=True)

    def state(self) -> dict[str, Any]:
        """Generation and history as JSON; see `Strategy.state`."""
        return {
            "generation": self.generation,
            "seen": sorted(map(list, self._seen)),
            "told": [[_plain(value), list(vector)] for value, vector in self._told],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over a state; see `Strategy.restore`."""
        self.generation = int(state["generation"])
        self._seen = {tuple(vector) for vector in state["seen"]}
        self._told = [(float(value), tuple(vector)) for value, vector in state["told"]]


def _plain(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)
