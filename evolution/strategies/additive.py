"""Optima of a fitness that is known beforehand, in their order."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from evolution.known import Known
from evolution.optimum import Optimiser
from evolution.score import Optimum, Score
from evolution.strategies.base import LegalRegion, SampledSettings, StrategySettings, Vector
from evolution.strategies.remembering import Remembering
from luts.errors import UserError


class AdditiveSettings(SampledSettings):
    """Options of `Additive`.

    Attributes:
        samples: architectures of a whole search; one is enough but for strikes.
    """

    samples: int = Field(default=10, ge=1)


class Additive(Remembering):
    """The fittest architecture that is allowed, then the next one, by integer programmes.

    For a fitness that is a sum over decisions, or over groups of them: the improbability under a
    factorised or joint distribution, or the indicator of BN-NAS. Where the programmes find no
    further one (`evolution.optimum`), random architectures follow.

    Attributes:
        optimum: the last one, with the bound that proves it.
    """

    Settings: ClassVar[type[StrategySettings]] = AdditiveSettings

    def __init__(self, region: LegalRegion, settings: AdditiveSettings, seed: int) -> None:
        super().__init__(region, settings, seed)
        self._score: Score | None = None
        self._optimiser = Optimiser(region)
        self.optimum: Optimum | None = None

    @property
    def batch(self) -> int:
        """One at a time: what verification teaches moves the next."""
        return 1

    def inform(self, known: Known) -> None:
        """See `Strategy`; it needs the score."""
        if known.score is None:
            raise UserError("strategy 'additive' is for a fitness that is known without scoring, "
                            "such as improbability or bn_indicator alone; give another --strategy")
        self._score = known.score
        self._optimiser = Optimiser(self.region, [group for group, _ in known.score.groups])

    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        if self._score is None:
            raise UserError("strategy 'additive' was not told the fitness of architectures")
        found: list[Vector] = []
        for _ in range(count):
            self.optimum = self._optimiser.best(self._score, self._seen.union(found))
            if self.optimum is None:
                break
            found.append(self.optimum.vector)
        return found
