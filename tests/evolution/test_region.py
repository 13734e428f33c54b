from __future__ import annotations

import numpy as np
import pytest

from evolution.asked import Asked
from evolution.constraint import Constraint, LatencyConstraint
from evolution.feasibility import feasible_region
from evolution.quantities import quantity
from evolution.region import Region
from evolution.requirements import LatencyRequirement, QuantityRequirement
from luts.errors import InfeasibleError
from luts.space import Vectors
from predictor.descent import descend
from tests.evolution.toys import ToyPredictor, Toys


class Rare(Constraint):
    """Only architectures that are all zero but for two genes; far too rare for uniform draws."""

    def __init__(self) -> None:
        self.asked = 0

    def allowed(self, vectors: Vectors) -> np.ndarray:
        self.asked += len(vectors)
        return (vectors[:, 2:] == 0).all(axis=1)


class Never(Constraint):
    def allowed(self, vectors: Vectors) -> np.ndarray:
        return np.zeros(len(vectors), dtype=np.bool_)


def test_draws_are_new_allowed_and_distinct(toys: Toys) -> None:
    limit = LatencyConstraint(toys.predictor, float(toys.predictor.predict_reference()[0]))
    region = Region(toys.space, [limit], toys.predictor.fastest()[None])
    rng, seen = np.random.default_rng(0), set()
    for _ in range(5):
        drawn = region.draw(rng, 20, seen)
        assert len(drawn) == 20
        assert region.allowed(drawn).all()
        rows = set(map(tuple, drawn.tolist()))
        assert len(rows) == 20
        assert not rows & seen
        seen |= rows
    everything = toys.space.everything()
    assert region.share == pytest.approx(region.allowed(everything).mean(), abs=0.05)


def test_a_rare_region_is_walked_from_its_anchors() -> None:
    toys = Toys()
    space = type(toys.space)(cells=8)
    rare = Rare()
    region = Region(space, [rare], np.zeros((1, len(space.decisions)), dtype=np.int64))
    drawn = region.draw(np.random.default_rng(0), 6, set())
    assert len(drawn) == 6  # 3 widths times 2 kernels: all there are
    assert len(np.unique(drawn, axis=0)) == 6
    assert rare.asked < 200_000


def test_a_region_without_members_says_what_was_tried(toys: Toys) -> None:
    region = Region(toys.space, [Never()], toys.predictor.fastest()[None])
    with pytest.raises(InfeasibleError, match="none of 32768 random architectures"):
        region.draw(np.random.default_rng(0), 3, set())


def test_a_used_up_region_gives_what_is_left(toys: Toys) -> None:
    upper = np.sort(toys.predictor.predict(toys.space.everything()).upper_ms)
    limit = LatencyConstraint(toys.predictor, float(upper[4]))
    region = Region(toys.space, [limit], toys.predictor.fastest()[None])
    first = region.draw(np.random.default_rng(0), 100, set())
    seen = set(map(tuple, first.tolist()))
    assert len(first) == int(region.allowed(toys.space.everything()).sum())
    assert len(region.draw(np.random.default_rng(1), 3, seen)) == 0


def test_the_constraint_is_the_upper_bound(toys: Toys) -> None:
    vectors = toys.space.everything()
    prediction = toys.predictor.predict(vectors)
    budget_ms = float(np.median(prediction.latency_ms))
    allowed = LatencyConstraint(toys.predictor, budget_ms).allowed(vectors)
    assert (prediction.upper_ms[allowed] <= budget_ms).all()
    assert (prediction.upper_ms[~allowed] > budget_ms).all()
    assert (prediction.latency_ms[~allowed] < budget_ms).any()


def test_a_broken_budget_tightens_all_bounds_but_only_so_far(toys: Toys) -> None:
    limit = LatencyConstraint(toys.predictor, 1.0)
    limit.tighten(measured_ms=1.05, upper_ms=1.0)
    assert limit.correction == pytest.approx(1.05)
    limit.tighten(measured_ms=1.0, upper_ms=1.0)  # faster than the corrected bound
    assert limit.correction == pytest.approx(1.05)
    limit.tighten(measured_ms=100.0, upper_ms=1.0)
    assert limit.correction == pytest.approx(1.05 * 1.1)
    assert list(limit.keeps(np.array([0.86, 0.87]))) == [True, False]


def test_descent_finds_a_neighbour_that_the_table_does_not_see(toys: Toys) -> None:
    space = toys.space
    goal = space.cardinalities - 1

    def distance(vectors: Vectors) -> np.ndarray:
        return np.abs(vectors - goal).sum(axis=1).astype(np.float64)

    found = descend(space, np.zeros(len(goal), dtype=np.int64), distance)
    assert list(found) == list(goal)


def test_an_impossible_budget_is_refused_with_the_reachable_interval(toys: Toys) -> None:
    low, high = toys.predictor.interval_ms()
    lowest = float(toys.predictor.predict(toys.space.everything()).upper_ms.min())
    limit = LatencyConstraint(toys.predictor, lowest * 0.999, label="cpu")
    with pytest.raises(InfeasibleError) as caught:
        feasible_region(toys.space, [LatencyRequirement(limit)])
    text = str(caught.value)
    assert f"{limit.budget_ms:.3f} ms" in text
    assert f"from {low:.3f} to {high:.3f} ms" in text
    least = float(text.rpartition(" ")[2])
    assert lowest <= least < lowest + 0.0011
    region = feasible_region(
        toys.space, [LatencyRequirement(LatencyConstraint(toys.predictor, least))]
    )
    assert len(region.draw(np.random.default_rng(0), 1, set())) == 1


def test_a_share_that_is_refused_is_answered_with_one_that_is_not(toys: Toys) -> None:
    """Bounds on shares leave out the errors that the reference has alike, so they are lower."""
    def region(text: str) -> None:
        budget_ms = float(text.rstrip("%")) / 100 * toys.predictor.predict_reference()[0]
        limit = LatencyConstraint(toys.predictor, budget_ms, correction=0.9, label="cpu")
        feasible_region(toys.space, [LatencyRequirement(limit, Asked("--latency", text, text))])

    said = r"\(--latency 1%\); .* --latency [0-9.]+%$"
    with pytest.raises(InfeasibleError, match=said) as caught:
        region("1%")
    least = str(caught.value).rpartition(" ")[2]
    region(least)
    with pytest.raises(InfeasibleError, match=f"{least}$"):
        region(f"{float(least.rstrip('%')) - 0.11}%")


@pytest.mark.parametrize(("option", "text", "advice"), [
    ("--latency-ms", "45", "at least --latency-ms 50.001"),
    ("--latency", "45ms", "at least --latency 50.001ms"),
    ("--latency", "45 %", "at least --latency 50.1%"),
    ("r.yaml: constraints.latency:", "45%", "at least --latency 50.1%"),
    ("--also-target", "45%", "at least 50.1% there"),
    ("--pareto", "45ms", "a range that begins at 50.001ms or above")])
def test_advice_is_given_as_the_limit_was(option: str, text: str, advice: str) -> None:
    assert Asked(option, text, text).least_latency(50.0004, 45.0) == advice


def weights_at_most(toys: Toys, most: float) -> QuantityRequirement:
    return QuantityRequirement(quantity("parameters", toys.space, toys.table), most)


def test_an_impossible_size_is_refused(toys: Toys) -> None:
    _, high = toys.predictor.interval_ms()
    limit = LatencyRequirement(LatencyConstraint(toys.predictor, 2 * high, label="cpu"))
    counts = weights_at_most(toys, 1).values(toys.space.everything())
    with pytest.raises(InfeasibleError) as caught:
        feasible_region(toys.space, [limit, weights_at_most(toys, 10)])
    text = str(caught.value)
    assert "has at most 10 parameters; they have from" in text
    assert f"from {counts.min():,.0f} parameters to {counts.max():,.0f} parameters" in text
    assert "ms on 'cpu'" in text


def test_limits_that_exclude_each_other_are_refused_with_what_each_leaves(toys: Toys) -> None:
    counts = weights_at_most(toys, 1).values(toys.space.everything())
    # A limit on weights under which every architecture is slow: the toy's cost is turned round.
    predictor = Reversed(toys)
    slow = LatencyConstraint(predictor, float(np.quantile(predictor.uppers, 0.05)), label="cpu")
    few = int(np.quantile(counts, 0.05))
    with pytest.raises(InfeasibleError) as caught:
        feasible_region(toys.space, [LatencyRequirement(slow), weights_at_most(toys, few)])
    text = str(caught.value)
    assert f"keeps {slow.budget_ms:.3f} ms on 'cpu' and {few:,} parameters together" in text
    least_ms = predictor.uppers[counts <= few].min()
    fewest = counts[predictor.uppers <= slow.budget_ms].min()
    assert f"at least {least_ms:.3f} ms on 'cpu' with the other" in text
    assert f"or at least {fewest:,.0f} parameters with the other" in text


class Reversed(ToyPredictor):
    """A device on which the toy's small networks are the slow ones."""

    def __init__(self, toys: Toys) -> None:
        super().__init__(toys.space, toys.table)
        self._costs = [costs.max() + 0.01 - costs for costs in self._costs]
        self.uppers = self.predict(toys.space.everything()).upper_ms
