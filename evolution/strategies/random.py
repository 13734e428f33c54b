"""Random search: fresh allowed architectures, uniform where that is quick."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from evolution.strategies.base import SampledSettings, StrategySettings, Vector
from evolution.strategies.remembering import Remembering


class RandomSettings(SampledSettings):
    """Options of `Random`.

    Attributes:
        batch: architectures that are asked for at once.
    """

    batch: int = Field(default=50, ge=1)


class Random(Remembering):
    """Proposes what the region draws; the baseline of every other strategy."""

    Settings: ClassVar[type[StrategySettings]] = RandomSettings

    @property
    def batch(self) -> int:
        """See `RandomSettings`."""
        return int(self.settings.batch)

    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        return []
