"""Random search: fresh allowed architectures, uniform where that is quick."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from evolution.strategies.base import StrategySettings, Vector
from evolution.strategies.remembering import Remembering


class RandomSettings(StrategySettings):
    """Options of `Random`.

    Attributes:
        samples: architectures of a whole search.
        batch: architectures that are asked for at once.
    """

    samples: int = Field(default=200, ge=1)
    batch: int = Field(default=50, ge=1)

    @property
    def evaluations(self) -> int:
        """The samples."""
        return self.samples


class Random(Remembering):
    """Proposes what the region draws; the baseline of every other strategy."""

    Settings: ClassVar[type[StrategySettings]] = RandomSettings

    @property
    def batch(self) -> int:
        """See `RandomSettings`."""
        return int(self.settings.batch)

    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        return []
