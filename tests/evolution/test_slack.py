from __future__ import annotations

import numpy as np

from evolution.constraint import LatencyConstraint
from evolution.quantities import QuantityLimit, quantity
from evolution.region import Region
from evolution.slack import Slack
from tests.evolution.toys import Toys


def latency_at(toys: Toys, share: float) -> LatencyConstraint:
    upper = toys.predictor.predict(toys.space.everything()).upper_ms
    return LatencyConstraint(toys.predictor, float(np.quantile(upper, share)))


def test_what_is_above_the_budget_is_brought_below_it_by_few_changes(toys: Toys) -> None:
    limit = latency_at(toys, 0.2)
    vectors = toys.space.sample(np.random.default_rng(0), 400)
    broken = ~limit.allowed(vectors)
    assert broken.sum() > 250
    repaired, kept = Slack(toys.space, [limit]).repair(np.random.default_rng(1), vectors)
    assert kept.all() and limit.allowed(repaired).all()
    np.testing.assert_array_equal(repaired[~broken], vectors[~broken])
    changes = (repaired != vectors)[broken].sum(axis=1)
    assert (changes >= 1).all()
    assert changes.mean() < 2.5
    # Little of the budget is left unused: random allowed architectures use less.
    random = toys.space.everything()[limit.allowed(toys.space.everything())]
    assert np.median(limit.use(repaired[broken])) > np.median(limit.use(random))


def test_repair_keeps_several_limits_at_once(toys: Toys) -> None:
    latency = latency_at(toys, 0.5)
    weights = quantity("parameters", toys.space, toys.table)
    counts = weights.values(toys.space.everything())
    parameters = QuantityLimit(toys.space, weights.parts[0], int(np.quantile(counts, 0.3)))
    vectors = toys.space.sample(np.random.default_rng(0), 300)
    region = Region(toys.space, [latency, parameters], toys.predictor.fastest()[None])
    before = region.allowed(vectors).mean()
    repaired, kept = region.repair(np.random.default_rng(1), vectors)
    np.testing.assert_array_equal(kept, region.allowed(repaired))
    assert before < 0.4
    assert region.allowed(repaired).mean() > 0.95


def test_repair_ends_where_nothing_can_be_repaired(toys: Toys) -> None:
    limit = LatencyConstraint(toys.predictor, 1e-6)
    vectors = toys.space.sample(np.random.default_rng(0), 50)
    repaired, kept = Slack(toys.space, [limit]).repair(np.random.default_rng(1), vectors)
    assert not kept.any() and not limit.allowed(repaired).any()
    assert (limit.use(repaired) < limit.use(vectors) + 1e-9).all()


def test_equal_seeds_repair_equally_and_the_input_stays(toys: Toys) -> None:
    limit = latency_at(toys, 0.2)
    slack = Slack(toys.space, [limit])
    vectors = toys.space.sample(np.random.default_rng(0), 50)
    copy = vectors.copy()
    first, _ = slack.repair(np.random.default_rng(3), vectors)
    np.testing.assert_array_equal(first, slack.repair(np.random.default_rng(3), vectors)[0])
    np.testing.assert_array_equal(vectors, copy)
    assert not np.array_equal(first, slack.repair(np.random.default_rng(4), vectors)[0])


def test_prices_of_single_changes_are_differences_of_uses(toys: Toys) -> None:
    limit = latency_at(toys, 0.5)
    slack = Slack(toys.space, [limit])
    vectors = toys.space.sample(np.random.default_rng(0), 5)
    prices = slack._changes(slack._prices[0], vectors)
    column = 0
    for decision, size in enumerate(toys.space.cardinalities):
        for value in range(int(size)):
            changed = vectors.copy()
            changed[:, decision] = value
            expected = limit.use(changed) - limit.use(vectors)
            np.testing.assert_allclose(prices[:, column], expected, atol=1e-9)
            column += 1


def test_a_tightened_limit_is_what_repairs_aim_at(toys: Toys) -> None:
    limit = latency_at(toys, 0.5)
    before = limit.factor_uses()
    limit.tighten(1.05 * limit.budget_ms, limit.budget_ms)
    for old, new in zip(before, limit.factor_uses(), strict=True):
        np.testing.assert_allclose(new, old * 1.05)
    region = Region(toys.space, [limit], toys.predictor.fastest()[None])
    vectors = toys.space.sample(np.random.default_rng(0), 200)
    region.repair(np.random.default_rng(1), vectors)
    limit.tighten(1.1 * limit.budget_ms, limit.budget_ms / limit.correction)
    region.changed()
    repaired, kept = region.repair(np.random.default_rng(1), vectors)
    assert kept.all() and limit.allowed(repaired).all()
