from __future__ import annotations

import numpy as np
import pytest

from evolution.constraint import LatencyConstraint, Limit, Narrowed
from evolution.linear_score import LinearScore
from evolution.optimum import Optimiser, work
from evolution.programme import Programme, Score
from evolution.region import ENUMERABLE, Region
from evolution.strategies.base import Floats
from luts.errors import InfeasibleError
from luts.space import Decision, Factor, Vectors
from tests.evolution.toys import Toys, ToySpace


def random_score(space: ToySpace, seed: int) -> Score:
    rng = np.random.default_rng(seed)
    return Score(choices=[rng.normal(size=int(n)) for n in space.cardinalities])


class Chain(ToySpace):
    """Neighbouring factors share a decision, and the last decision belongs to none."""

    def __init__(self) -> None:
        super().__init__()
        self.decisions = tuple(Decision(f"d{i}", (0, 1, 2)) for i in range(6))
        self.factors = tuple(Factor(f"f{i}", (i, i + 1)) for i in range(4))


class Sums(Limit):
    """Random costs of factor rows, and a rest that is not additive."""

    def __init__(self, space: ToySpace, seed: int, most: float, rest: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.space, self.rest = space, rest
        sizes = [int(np.prod([space.cardinalities[i] for i in f.decisions])) for f in space.factors]
        self.costs = [rng.uniform(0, 1, size) / most for size in sizes]

    def use(self, vectors: Vectors) -> Floats:
        total = np.zeros(len(vectors))
        for factor, costs in zip(self.space.factors, self.costs, strict=True):
            total += costs[self.space.factor_rows(factor, vectors)]
        return total + self.rest * (vectors[:, 0] == vectors[:, 1])

    def factor_uses(self) -> list[Floats]:
        return self.costs


@pytest.mark.parametrize("seed", range(5))
def test_the_optimum_is_that_of_the_whole_list(seed: int) -> None:
    space = Chain()
    limits = [Sums(space, seed, 1.3), Sums(space, seed + 50, 1.5)]
    everything = space.everything()
    mask = limits[0].allowed(everything) & limits[1].allowed(everything)
    assert 0 < mask.sum() < 500
    rng = np.random.default_rng(seed)
    score = Score(random_score(space, seed).choices, [rng.normal(size=9) for _ in range(4)])
    values = score.of(space, everything[mask])
    programme = Programme(space)
    pairs = [(limit.factor_uses(), 1.0) for limit in limits]
    found, excluded = [], []
    for _ in range(3):
        optimum = programme.solve(score, pairs, excluded)
        assert optimum is not None
        assert optimum.bound == pytest.approx(optimum.score, abs=1e-6)
        excluded.append(optimum.vector)
        found.append(optimum.score)
    np.testing.assert_allclose(found, np.sort(values)[::-1][:3], atol=1e-9)
    assert len(set(excluded)) == 3


def test_a_fastest_that_breaks_a_budget_which_another_keeps_proves_nothing(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the table does not know makes its fastest network slower than another."""
    monkeypatch.setattr("evolution.region.ENUMERABLE", 10)
    space = Chain()
    everything = space.everything()
    for seed in range(20):
        limit = Sums(space, seed, 1.0, rest=0.5)
        uses = limit.use(everything)
        table = uses - limit.rest * (everything[:, 0] == everything[:, 1])
        fastest, least = int(table.argmin()), int(uses.argmin())
        if uses[fastest] > 1.01 * uses[least]:
            break
    else:
        pytest.fail("in no space is the table's fastest not the fastest")
    anchors = everything[[fastest, least]]
    region = Region(space, [Narrowed(limit, 1.001 * float(uses[least]))], anchors)
    found = Optimiser(region).best(random_score(space, 0), set())
    assert found is None or region.allowed(np.array([found.vector])).all()
    assert len(region.draw(np.random.default_rng(0), 1, set())) == 1


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_others_dominate_are_never_needed(toys: Toys, seed: int) -> None:
    space = toys.space
    limits = [Sums(space, seed, 1.6), Sums(space, seed + 9, 1.8)]
    everything = space.everything()
    mask = limits[0].allowed(everything) & limits[1].allowed(everything)
    assert 0 < mask.sum() < len(mask)
    score = random_score(space, seed)
    programme = Programme(space)
    optimum = programme.solve(score, [(limit.factor_uses(), 1.0) for limit in limits])
    assert optimum is not None
    assert optimum.score == pytest.approx(score.of(space, everything[mask]).max())


def test_infeasibility_is_proved(toys: Toys) -> None:
    programme = Programme(toys.space)
    uses = toys.predictor.factor_costs()
    least = float(sum(cost.min() for cost in uses))
    score = random_score(toys.space, 0)
    assert programme.solve(score, [(uses, least * 0.999)]) is None
    cheapest = programme.solve(score, [(uses, least * 1.0001)])
    assert cheapest is not None
    assert cheapest.vector == tuple(toys.predictor.fastest().tolist())


def test_an_optimiser_of_a_large_region_checks_what_is_not_additive() -> None:
    space = ToySpace(cells=4)
    assert space.size > ENUMERABLE
    limit = Sums(space, 1, 2.0, rest=0.15)
    region = Region(space, [limit], np.zeros((1, len(space.decisions)), dtype=np.int64))
    optimiser, score, seen = Optimiser(region), random_score(space, 2), set()
    scores = []
    for _ in range(4):
        optimum = optimiser.best(score, seen)
        assert optimum is not None
        assert region.allowed(np.array([optimum.vector])).all()
        assert optimum.vector not in seen
        seen.add(optimum.vector)
        scores.append(optimum.score)
    assert scores == sorted(scores, reverse=True)
    drawn = space.sample(np.random.default_rng(0), 20_000)
    assert scores[0] >= score.of(space, drawn[region.allowed(drawn)]).max()


def test_an_impossible_region_is_refused_with_a_proof() -> None:
    space = ToySpace(cells=4)
    limit = Sums(space, 1, 1e-6)
    region = Region(space, [limit], np.zeros((1, len(space.decisions)), dtype=np.int64))
    with pytest.raises(InfeasibleError, match="proved: no architecture of flownas-small"):
        Optimiser(region).best(random_score(space, 0), set())


def test_work_is_largest_for_the_largest(toys: Toys) -> None:
    everything = toys.space.everything()
    values = work(toys.space).of(toys.space, everything)
    assert tuple(everything[values.argmax()]) == tuple(toys.space.cardinalities - 1)


def test_a_linear_score_is_learned(toys: Toys) -> None:
    truth = random_score(toys.space, 3)
    vectors = toys.space.sample(np.random.default_rng(0), 60)
    rng = np.random.default_rng(1)
    fitness = -truth.of(toys.space, vectors) + 0.05 * rng.normal(size=60)
    model = LinearScore.fit(toys.space, vectors, fitness)
    everything = toys.space.everything()
    wanted = truth.of(toys.space, everything)
    learned = model.expected().of(toys.space, everything)
    assert np.corrcoef(wanted, learned)[0, 1] > 0.99
    draws = [model.sampled(rng).of(toys.space, everything[:1])[0] for _ in range(200)]
    assert np.std(draws) > 0
    assert np.mean(draws) == pytest.approx(learned[0], abs=4 * np.std(draws) / np.sqrt(200))


def test_a_budget_of_latency_is_met_with_its_best(toys: Toys) -> None:
    upper = toys.predictor.predict(toys.space.everything()).upper_ms
    limit = LatencyConstraint(toys.predictor, float(np.quantile(upper, 0.3)))
    region = Region(toys.space, [limit], toys.predictor.fastest()[None])
    listed = Optimiser(region).best(work(toys.space), set())
    solver = Optimiser(region)
    solved = solver._solved(work(toys.space), set())
    assert listed is not None and solved is not None
    assert solved.score == pytest.approx(listed.score, rel=1e-3)
