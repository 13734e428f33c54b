"""Search guided by an accuracy model that is fitted to what was evaluated."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from evolution.accuracy_model import AccuracyModel
from evolution.encoding import Encoding
from evolution.strategies.base import Floats, LegalRegion, SampledSettings, StrategySettings, Vector
from evolution.strategies.remembering import Remembering, as_rows
from luts.space import Vectors

# Larger regions are drawn from, not listed.
LISTED = 2**14


class GuidedSettings(SampledSettings):
    """Options of `Guided`.

    Attributes:
        batch: architectures that are asked for at once, between two fits.
        first: architectures that are scored before the first fit.
        pool: architectures among which the model chooses, where the region is too large to be
            listed.
    """

    batch: int = Field(default=5, ge=1)
    first: int = Field(default=10, ge=2)
    pool: int = Field(default=2000, ge=10)


class Guided(Remembering):
    """Proposes those of which the model expects the largest improvement."""

    Settings: ClassVar[type[StrategySettings]] = GuidedSettings

    def __init__(self, region: LegalRegion, settings: GuidedSettings, seed: int) -> None:
        super().__init__(region, settings, seed)
        self._model = AccuracyModel()
        self._encoding: Encoding | None = None
        self._listed: Vectors | None = None
        self._features: list[Floats] = []
        self._places: dict[Vector, int] = {}

    @property
    def batch(self) -> int:
        """See `GuidedSettings`; in the first turn, what the first fit needs."""
        return int(self.settings.batch if self.turn else self.settings.first)

    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        vectors, fitness = self.scored()
        if len(fitness) < self.settings.first:
            return self._begin(rng, count)
        if self._encoding is None:
            self._encoding = Encoding(self.region)
        everything = self.region.everything() if self.region.space.size <= LISTED else None
        if everything is None:
            pool = self._drawn(rng)
            features = self._encoding(pool)
        else:
            pool, features = self._unseen(everything, self._encoding)
        if not len(pool):
            return []
        self._model.fit(self._encoding(vectors), fitness)
        gain = self._model.predict(features).improvement()
        return as_rows(pool[np.argsort(-gain, kind="stable")[:count]])

    def _begin(self, rng: np.random.Generator, count: int) -> list[Vector]:
        """What is scored before there is a model; the rest is random."""
        return []

    def _unseen(self, everything: Vectors, encoding: Encoding) -> tuple[Vectors, list[Floats]]:
        """Those that were not proposed, and their features, which are kept between turns."""
        if self._listed is not everything:
            self._listed, self._features = everything, encoding(everything)
            self._places = {row: place for place, row in enumerate(as_rows(everything))}
        fresh = np.ones(len(everything), dtype=np.bool_)
        fresh[[self._places[row] for row in self._seen if row in self._places]] = False
        return everything[fresh], [group[fresh] for group in self._features]

    def _drawn(self, rng: np.random.Generator) -> Vectors:
        """Different architectures that are allowed and were not proposed, ``(n, decisions)``."""
        return self.region.draw(rng, self.settings.pool, self._seen)

    def state(self) -> dict[str, Any]:
        """See `Strategy.state`."""
        return {**super().state(), "model": self._model.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Strategy.restore`."""
        super().restore(state)
        self._model.restore(state["model"])
