"""Parts of the toy space, and the same said to be too large to be listed."""

from __future__ import annotations

import numpy as np
import pytest

from evolution.constraint import LatencyConstraint
from evolution.region import Region
from evolution.strategies.base import Strategy
from tests.evolution.toys import Toys


def region_of(toys: Toys, members: int) -> Region:
    """The region of the fastest so many architectures."""
    upper = np.sort(toys.predictor.predict(toys.space.everything()).upper_ms)
    limit = LatencyConstraint(toys.predictor, float(upper[members - 1]))
    return Region(toys.space, [limit], toys.predictor.fastest()[None])


def best_found(toys: Toys, strategy: Strategy, turns: int, count: int) -> float:
    """The lowest error among what a strategy proposes."""
    best = np.inf
    for _ in range(turns):
        vectors = strategy.ask(count)
        fitness = toys.accuracy.epe(vectors)
        best = min(best, float(fitness.min()))
        strategy.tell(vectors, fitness)
    return best


class InALargeSpace:
    """Mixed into tests: integer programmes and draws take the place of lists."""

    @pytest.fixture(autouse=True)
    def unlisted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("evolution.region.ENUMERABLE", 100)

    def test_it_is_not_listed(self, region: Region) -> None:
        assert region.everything() is None
