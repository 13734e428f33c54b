"""Fitness that is known beforehand: exact optima, also of joint distributions."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from evolution import region as region_module
from evolution.constraint import LatencyConstraint
from evolution.known import Known, known_score
from evolution.optimum import Optimiser
from evolution.programme import Programme
from evolution.region import Region
from evolution.score import Score
from evolution.strategies.additive import Additive, AdditiveSettings
from evolution.strategies.base import Strategy
from luts.errors import UserError
from luts.space import Vectors
from tests.conformance.strategy import StrategyConformance
from tests.evolution.regions import region_of
from tests.evolution.test_programme import Chain, Sums
from tests.evolution.toys import Toys

CROSSING = ((0, 1), (2, 4), (3,), (5, 6), (7,))
"""Groups of the toy space's decisions, of which none are those of a factor."""


def log_shares(space: Chain, groups: tuple[tuple[int, ...], ...], seed: int) -> Score:
    """A random joint distribution."""
    rng = np.random.default_rng(seed)
    found = []
    for group in groups:
        shares = rng.dirichlet(np.full(int(np.prod([space.cardinalities[i] for i in group])), 0.3))
        found.append((group, np.log(shares + 1e-9)))
    return Score(groups=found)


class TestAdditive(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        def made(region: Region, seed: int) -> Strategy:
            strategy = Additive(region, AdditiveSettings(), seed)
            score = log_shares(region.space, CROSSING, 3)  # type: ignore[arg-type]
            strategy.inform(Known(score))
            return strategy

        return made

    def test_other_seeds_give_other_proposals(
        self, make: Callable[[Region, int], Strategy], region: Region
    ) -> None:
        """Not here: optima are the same whatever the seed."""
        np.testing.assert_array_equal(make(region, 3).ask(12), make(region, 4).ask(12))

    def test_proposals_are_the_best_in_their_order(
        self, make: Callable[[Region, int], Strategy], region: Region
    ) -> None:
        score = log_shares(region.space, CROSSING, 3)  # type: ignore[arg-type]
        members = region.everything()
        assert members is not None
        best = np.sort(score.of(region.space, members))[::-1]
        asked = [make(region, 0).ask(12)]
        np.testing.assert_allclose(score.of(region.space, asked[0]), best[:12])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("groups", [((0, 1), (2, 3), (4, 5)), ((0, 2, 4), (1, 5), (3,)),
                                    tuple((i,) for i in range(6))])
def test_the_likeliest_within_limits_is_that_of_the_whole_list(
    groups: tuple[tuple[int, ...], ...], seed: int
) -> None:
    """Groups that are a factor's decisions, that cross factors, and single ones."""
    space = Chain()
    limits = [Sums(space, seed, 1.3), Sums(space, seed + 50, 1.5)]
    everything = space.everything()
    allowed = limits[0].allowed(everything) & limits[1].allowed(everything)
    score = log_shares(space, groups, seed)
    values = score.of(space, everything)
    assert values[allowed].max() < values.max()  # the mode itself breaks a limit
    optimum = Programme(space, groups).solve(score, [(x.factor_uses(), 1.0) for x in limits])
    assert optimum is not None
    assert optimum.score == pytest.approx(values[allowed].max(), abs=1e-6)
    vector = np.array([optimum.vector])
    assert score.of(space, vector)[0] == pytest.approx(optimum.score, abs=1e-6)
    assert all(limit.allowed(vector)[0] for limit in limits)


def test_a_programme_solves_what_is_too_large_to_be_listed(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = region_of(toys, 600)
    score = log_shares(region.space, CROSSING, 5)  # type: ignore[arg-type]
    listed = Optimiser(region).best(score, set())
    monkeypatch.setattr(region_module, "ENUMERABLE", 10)
    solved = Optimiser(region, CROSSING).best(score, set())
    assert listed is not None and solved is not None
    assert solved.vector == listed.vector
    assert solved.score == pytest.approx(listed.score) == pytest.approx(solved.bound, abs=1e-6)


def test_a_programme_that_was_not_told_of_a_group_says_so() -> None:
    space = Chain()
    with pytest.raises(ValueError, match=r"without group \(0, 2\)"):
        Programme(space).solve(Score(groups=[((0, 2), np.zeros(9))]))


def accuracy_that_knows(**sums: Score) -> SimpleNamespace:
    return SimpleNamespace(sums=lambda: {name: score.groups for name, score in sums.items()})


def test_the_known_fitness_is_the_weighted_sum() -> None:
    space = Chain()
    one, two = (log_shares(space, CROSSING[:1], seed) for seed in (0, 1))
    accuracy = accuracy_that_knows(improbability=one, bn_indicator=two)
    vectors: Vectors = space.everything()[::37]
    found = known_score({"improbability": 2.0, "bn_indicator": 0.5, "error": 0.0},
                        accuracy)  # type: ignore[arg-type]
    assert found is not None
    expected = -2 * one.of(space, vectors) - 0.5 * two.of(space, vectors)
    np.testing.assert_allclose(found.of(space, vectors), expected)


@pytest.mark.parametrize("fitness", [{"improbability": 1.0, "error": 1.0}, {"error": 0.0}])
def test_what_only_scoring_tells_is_refused(toys: Toys, fitness: dict[str, float]) -> None:
    score = known_score(fitness, accuracy_that_knows(improbability=Score()))  # type: ignore[arg-type]
    assert score is None
    strategy = Additive(region_of(toys, 600), AdditiveSettings(), 0)
    with pytest.raises(UserError, match="known without scoring"):
        strategy.inform(Known(score))
    with pytest.raises(UserError, match="not told"):
        strategy.ask(1)


def test_a_tighter_budget_moves_the_next_proposal(toys: Toys) -> None:
    limit = LatencyConstraint(toys.predictor, float(toys.predictor.predict_reference()[1]))
    region = Region(toys.space, [limit], toys.predictor.fastest()[None])
    strategy = Additive(region, AdditiveSettings(), 0)
    choices = [np.arange(n, dtype=float) for n in toys.space.cardinalities]
    strategy.inform(Known(Score(choices=choices)))
    first = strategy.ask(1)
    upper = float(limit.upper_ms(first)[0])
    limit.tighten(limit.budget_ms * 1.05, upper)
    region.changed()
    second = strategy.ask(1)
    assert region.allowed(second).all()
    assert limit.upper_ms(second)[0] * limit.correction <= limit.budget_ms
