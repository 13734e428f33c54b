"""The strategy that stays in what pruning left."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from evolution.known import Known
from evolution.left import Left
from evolution.region import Region
from evolution.strategies.base import Strategy
from evolution.strategies.pruned import ProgressivePruning, PrunedSettings
from luts.errors import UserError
from luts.space import OperatorSpace
from tests.conformance.strategy import StrategyConformance
from tests.evolution.regions import InALargeSpace, region_of
from tests.evolution.toys import Toys

SETTINGS = PrunedSettings(seeds=4)


def scores_of(space: OperatorSpace, removed: Mapping[int, tuple[int, ...]]) -> list[np.ndarray]:
    """Probabilities that fall with the index; some choices are removed."""
    found = []
    for place, count in enumerate(space.cardinalities.tolist()):
        shares = np.arange(count, 0, -1, dtype=np.float64)
        shares[list(removed.get(place, ()))] = 0
        with np.errstate(divide="ignore"):
            found.append(np.log(shares / shares.sum()))
    return found


def made(
    region: Region, removed: Mapping[int, tuple[int, ...]], seed: int = 0
) -> ProgressivePruning:
    strategy = ProgressivePruning(region, SETTINGS, seed)
    strategy.inform(Known(choices=scores_of(region.space, removed)))
    return strategy


class TestProgressivePruning(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: made(region, {0: (1,)}, seed)


class TestProgressivePruningInALargeSpace(InALargeSpace, TestProgressivePruning):
    pass


def played(strategy: Strategy, batches: int) -> np.ndarray:
    return np.concatenate(StrategyConformance().play(strategy, batches))


@pytest.fixture(params=["listed", "drawn"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regions that are listed, and the same said to be too large for that."""
    if request.param == "drawn":
        monkeypatch.setattr("evolution.region.ENUMERABLE", 10)


@pytest.mark.usefixtures("either")
def test_the_search_stays_in_what_is_left(region: Region) -> None:
    removed = {0: (1,), 1: (0,), 4: (0, 2)}
    strategy = made(region, removed)
    assert strategy.taken_back == 0
    vectors = played(strategy, 4)
    for place, gone in removed.items():
        assert not np.isin(vectors[:, place], gone).any()
    assert region.allowed(vectors).all()


def test_the_likeliest_that_are_allowed_come_first(toys: Toys, region: Region) -> None:
    removed = {0: (0,), 1: (1,)}
    strategy = made(region, removed)
    first = strategy.ask(4)
    everything = toys.space.everything()
    scores = scores_of(toys.space, removed)
    logs = np.sum([each[everything[:, place]] for place, each in enumerate(scores)], axis=0)
    best = np.sort(logs[region.allowed(everything)])[::-1][:4]
    found = np.sum([each[first[:, place]] for place, each in enumerate(scores)], axis=0)
    assert np.sort(found)[::-1] == pytest.approx(best)


@pytest.mark.usefixtures("either")
def test_what_is_left_outside_the_budget_is_projected_into_it(toys: Toys) -> None:
    """Only the largest choices are left, and few of the smallest networks are allowed."""
    region = region_of(toys, 60)
    sizes = toys.space.cardinalities.tolist()
    removed = {place: tuple(range(count - 1)) for place, count in enumerate(sizes)}
    strategy = made(region, removed)
    everything = toys.space.everything()
    inside = everything[region.allowed(everything)]
    counts = Left(toys.space, scores_of(toys.space, removed), 0).removed(inside)
    assert strategy.taken_back == counts.min() > 0
    vectors = played(strategy, 1)
    assert region.allowed(vectors).all()
    found = Left(toys.space, scores_of(toys.space, removed), 0).removed(vectors)
    assert found.max() == counts.min()


def test_tighter_constraints_take_more_back(toys: Toys) -> None:
    region = region_of(toys, 400)
    sizes = toys.space.cardinalities.tolist()
    removed = {place: tuple(range(count - 1)) for place, count in enumerate(sizes)}
    strategy = made(region, removed)
    before = strategy.taken_back
    strategy.ask(2)
    region.limits[0].correction = 2.5  # type: ignore[attr-defined]
    region.changed()
    vectors = strategy.ask(2)
    assert strategy.taken_back > before
    assert len(vectors) and region.allowed(vectors).all()


def test_removed_choices_are_additive_over_factors(toys: Toys) -> None:
    space = toys.space
    left = Left(space, scores_of(space, {0: (0, 1), 3: (1,), 6: (2,)}), 2)
    everything = space.everything()
    total = np.zeros(len(everything))
    for factor, rows in zip(space.factors, left.factor_uses(), strict=True):
        total += rows[space.factor_rows(factor, everything)]
    assert total == pytest.approx(left.use(everything))
    assert (left.allowed(everything) == (left.removed(everything) <= 2)).all()


def test_it_needs_to_be_told_what_is_left(region: Region) -> None:
    strategy = ProgressivePruning(region, SETTINGS, 0)
    with pytest.raises(UserError, match="trained without training.pruning"):
        strategy.inform(Known())
    with pytest.raises(UserError, match="was not told"):
        strategy.ask(1)
