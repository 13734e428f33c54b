"""What strategies share: what they proposed, and what they were told of it."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Any

import numpy as np

from evolution.strategies.base import Floats, LegalRegion, Strategy, Vector
from luts.errors import UserError
from luts.space import Vectors


class Remembering(Strategy):
    """Keeps proposals and results; each proposal draws from a generator of (seed, turn).

    So the state holds no generator, and `turn` counts the proposals so far.
    """

    def __init__(self, region: LegalRegion, settings: Any, seed: int) -> None:
        super().__init__(region, settings, seed)
        self.turn = 0
        self._seen: set[Vector] = set()
        self._told: list[tuple[tuple[float, ...], Vector]] = []
        self._kept = self._ranked = 0
        self._top: list[tuple[tuple[float, ...], Vector]] = []

    def ask(self, count: int) -> Vectors:
        """Proposes; see `Strategy.ask`. Random architectures stand in for missing ones."""
        rng = np.random.default_rng([self.seed, self.turn])
        self.turn += 1
        chosen = self._propose(rng, count)
        self._seen.update(chosen)
        if len(chosen) < count:
            drawn = as_rows(self.region.draw(rng, count - len(chosen), self._seen))
            self._seen.update(drawn)
            chosen += drawn
        return as_matrix(chosen, len(self.region.space.decisions))

    @abc.abstractmethod
    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        """At most ``count`` different allowed architectures that were not in ``_seen`` before."""

    def tell(self, vectors: Vectors, fitness: Floats) -> None:
        """Remembers results; see `Strategy.tell`."""
        if len(vectors) != len(fitness):
            raise UserError(f"{len(vectors)} architectures were told {len(fitness)} results")
        values = np.asarray(fitness, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        if values.shape[1] > len(self.objectives):
            raise UserError(f"{values.shape[1]} objectives were told, wanted are "
                            f"{', '.join(self.objectives)}")
        if np.isnan(values).any():
            raise UserError("fitness is nan; tell infinity for what could not be scored")
        self._told += zip(map(tuple, values.tolist()), as_rows(vectors), strict=True)

    @property
    def seen(self) -> set[Vector]:
        """What must not be proposed again."""
        return set(self._seen)

    def exclude(self, rows: Iterable[Vector]) -> None:
        """Never proposes some architectures, which others have."""
        self._seen.update(rows)

    def scored(self) -> tuple[Vectors, Floats]:
        """Architectures with a finite result and the first objective of each.

        Returns:
            Index vectors, shape ``(n, decisions)``, and fitness, shape ``(n,)``.
        """
        kept = [(values[0], vector) for values, vector in self._told if np.isfinite(values).all()]
        vectors = as_matrix([vector for _, vector in kept], len(self.region.space.decisions))
        return vectors, np.array([value for value, _ in kept], dtype=np.float64)

    def best(self, count: int) -> Vectors:
        """The fittest of all history, best first, shape ``(at most count, decisions)``."""
        # Sorting all history in each turn would make long searches slow.
        if count != self._kept:
            self._kept, self._ranked, self._top = count, 0, []
        self._top = sorted(self._top + self._told[self._ranked :])[:count]
        self._ranked = len(self._told)
        return as_matrix([vector for _, vector in self._top], len(self.region.space.decisions))

    def corners(self) -> list[Vector]:
        """First and last choice of every decision, where allowed and not yet proposed."""
        sizes = np.array(self.region.space.cardinalities, dtype=np.int64)
        ends = np.stack([np.zeros_like(sizes), sizes - 1])
        rows = as_rows(ends[self.region.allowed(ends)])
        return [row for row in dict.fromkeys(rows) if row not in self._seen]

    def state(self) -> dict[str, Any]:
        """Turn and history as JSON; see `Strategy.state`."""
        told = [[[_plain(value) for value in values], list(v)] for values, v in self._told]
        return {"turn": self.turn, "seen": sorted(map(list, self._seen)), "told": told}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over a state; see `Strategy.restore`."""
        self.turn = int(state["turn"])
        self._seen = {tuple(vector) for vector in state["seen"]}
        self._told = [(tuple(map(float, values)), tuple(v)) for values, v in state["told"]]
        self._kept = 0


def as_rows(vectors: Vectors) -> list[Vector]:
    """Architectures as tuples, which sets can hold."""
    return [tuple(row) for row in vectors.tolist()]


def as_matrix(rows: Iterable[Vector], decisions: int) -> Vectors:
    """Architectures as a matrix, int64 of shape ``(n, decisions)``."""
    listed = list(rows)
    return np.array(listed, dtype=np.int64).reshape(len(listed), decisions)


def _plain(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)
