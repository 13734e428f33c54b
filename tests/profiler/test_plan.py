from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from luts.errors import UserError
from luts.operator import Operator
from luts.spaces import load_space
from profiler import _budget
from profiler._budget import begun_networks, plan_within
from profiler._coverage import Coverage
from profiler._state import CampaignState
from profiler.campaign import Campaign
from profiler.plan import (
    CONTEXTS,
    USUAL_NETWORKS,
    Plan,
    TooFewNetworksError,
    make_plan,
    usual_plan,
)
from profiler.settings import Settings
from profiler.timing import runtime_for
from tests.fakes import FakeSpace


def _contexts(space: FakeSpace, plan: Plan) -> Counter[Operator]:
    """Counted by lowering every network, without any table gather."""
    found: Counter[Operator] = Counter()
    for item in plan.networks:
        if item.vector is None:
            placed = space.lower_reference()
        else:
            placed = space.lower(space.decode(np.array(item.vector)))
        found.update({p.operator for p in placed})
    return found


@pytest.mark.parametrize(("networks", "cells", "seed"), [(16, 2, 0), (24, 3, 1), (60, 4, 2)])
def test_every_operator_has_its_contexts(networks: int, cells: int, seed: int) -> None:
    space = FakeSpace(cells)
    plan = make_plan(space, networks=networks, seed=seed)
    counted = _contexts(space, plan)
    for factor in space.factors:
        for choices in space.factor_choices(factor):
            for placed in space.lower_factor(factor, choices):
                assert counted[placed.operator] >= CONTEXTS
                assert plan.contexts[placed.operator] == counted[placed.operator]
    only = {p.operator for p in space.lower_reference()} - set(plan.contexts)
    assert plan.reference_only == len(only) > 0
    assert len(plan.networks) == networks


def test_reference_and_extremes_are_there() -> None:
    space = FakeSpace(3)
    plan = make_plan(space, networks=30)
    assert [item.drawn for item in plan.networks].count("reference") == 1
    vectors = {item.vector for item in plan.networks}
    assert (0,) * 9 in vectors
    assert (1,) * 9 in vectors


def test_uniform_draws_are_the_first_of_the_seed_and_unbiased() -> None:
    """The cover must not choose among them: they calibrate the predictor."""
    space = FakeSpace(6)
    plan = make_plan(space, networks=300, seed=5)
    uniform = np.array([item.vector for item in plan.networks if item.drawn == "uniform"])
    drawn = space.sample(np.random.default_rng(5), 4 * 300)
    _, first = np.unique(drawn, axis=0, return_index=True)
    assert (uniform == drawn[np.sort(first)][: len(uniform)]).all()
    assert abs(uniform.mean() - 0.5) < 0.05


def test_each_network_is_visited_twice_within_its_block() -> None:
    plan = make_plan(FakeSpace(3), networks=40)
    visits = Counter((v.network, v.turn) for block in plan.blocks for v in block)
    assert set(visits) == {(n, turn) for n in range(40) for turn in (0, 1)}
    assert set(visits.values()) == {1}
    for block in plan.blocks:
        assert {v.network for v in block if v.turn == 0} == {v.network for v in block if v.turn}


def test_plan_depends_on_seed_and_space_alone() -> None:
    same = make_plan(FakeSpace(3), networks=30, seed=3)
    assert make_plan(FakeSpace(3), networks=30, seed=3).hash == same.hash
    others = [
        make_plan(FakeSpace(3), networks=30, seed=4),
        make_plan(FakeSpace(3), networks=31, seed=3),
        make_plan(FakeSpace(3, name="other"), networks=30, seed=3),
    ]
    assert len({same.hash, *(plan.hash for plan in others)}) == 4


def test_too_few_networks_are_refused_with_numbers() -> None:
    space = FakeSpace()
    with pytest.raises(TooFewNetworksError,
                       match=r"--networks 3 cannot show each of the \d+ operators") as refused:
        make_plan(space, networks=3)
    assert str(refused.value).endswith(f"give {refused.value.enough}")
    assert min(make_plan(space, networks=refused.value.enough).contexts.values()) >= CONTEXTS


def test_a_space_of_many_operators_is_planned_with_more_networks_than_usual() -> None:
    usual = usual_plan(load_space("bn-nas-small"))
    assert len(usual.networks) == USUAL_NETWORKS
    plan = usual_plan(load_space("fbnetv2-f-small"))
    assert len(plan.networks) > USUAL_NETWORKS
    assert min(plan.contexts.values()) >= CONTEXTS
    assert sum(item.drawn == "uniform" for item in plan.networks) >= 20


def test_partial_plan_shows_as_many_operators_as_fit() -> None:
    space = FakeSpace()
    plan = make_plan(space, networks=4, partial=True)
    assert len(plan.networks) == 4
    counted = _contexts(space, plan)
    assert plan.unmeasured == [op for op in plan.contexts if counted[op] == 0]
    drawn = [
        make_plan(space, networks=4, seed=seed, partial=True).unmeasured for seed in range(5)
    ]
    random = [
        len(Coverage(space).contexts(space.sample(np.random.default_rng(seed), 3)))
        - sum(c > 0 for c in Coverage(space).contexts(
            space.sample(np.random.default_rng(seed), 3)).values())
        for seed in range(5)
    ]
    assert sum(map(len, drawn)) <= sum(random)
    assert make_plan(space, networks=60, partial=True).unmeasured == []
    with pytest.raises(UserError, match="--networks 2 cannot show"):
        make_plan(space, networks=2, partial=True)


def test_plan_within_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budget, "estimate_minutes", lambda space, plan, *rest: len(plan.networks))
    space, settings = FakeSpace(), Settings()
    runtime = runtime_for("cpu")
    plan = make_plan(space, networks=40)
    assert plan_within(40.5, space, plan, runtime, settings) is plan
    assert len(plan_within(17.5, space, plan, runtime, settings).networks) == 17
    with pytest.raises(UserError, match=r"--budget-minutes 3 is too little: 4 networks .* 4\.0"):
        plan_within(3, space, plan, runtime, settings)
    assert begun_networks(tmp_path) is None
    small = plan_within(17, space, plan, runtime, settings)
    campaign = Campaign(space, small, runtime, tmp_path)
    CampaignState.open(tmp_path, campaign.header(), resume=False, force=False).close()
    assert begun_networks(tmp_path) == 17


def test_extremes_bound_all_networks() -> None:
    space = FakeSpace(3)
    coverage = Coverage(space)
    work = coverage.flops(space.sample(np.random.default_rng(0), 200))
    least, most = (coverage.flops(coverage.extreme(least=b)[None])[0] for b in (True, False))
    assert least <= work.min()
    assert most >= work.max()
