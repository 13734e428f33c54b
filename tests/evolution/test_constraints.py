"""Constraints beside latency: priced by gathers, hard everywhere, refused with numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolution._run_view import summary
from evolution.conduct import conduct
from evolution.memory import MIB, memory_parts, peak_bytes
from evolution.minimax import least_largest
from evolution.programme import Programme
from evolution.quantities import quantity
from evolution.requirements import QuantityRequirement
from evolution.result import Result
from evolution.strategies.base import STRATEGIES
from luts._costs import cost_of
from luts.errors import InfeasibleError, UserError
from luts.operator import Operator, PlacedOperator
from luts.spaces import load_space
from luts.table import LatencyTable
from predictor.unmeasured.table import estimate_table
from supernet.spaces.parsec import parsec_darts_small
from tests.evolution.toys import RECIPE, Notes, Toys


def search(out: Path, toys: Toys, also: Any = None, **options: Any) -> Result:
    plan = toys.plan(out, **{"latency": "100%", **options})
    return conduct(plan, toys.accuracy, toys.stopwatch, Notes(), also)


@pytest.mark.parametrize("name", ["parameters", "flops"])
def test_counts_are_as_by_hand(toys: Toys, name: str) -> None:
    vectors = toys.space.everything()[::97]
    by_hand = [
        sum(getattr(cost_of(p.operator), name) * (p.repeats if name == "flops" else 1)
            for p in toys.space.lower(toys.space.decode(v)))
        for v in vectors
    ]
    found = quantity(name, toys.space, toys.table)
    assert list(found.values(vectors)) == by_hand
    requirement = QuantityRequirement(found, float(np.median(by_hand)))
    kept = list(requirement.limits[0].allowed(vectors))
    assert kept == [n <= np.median(by_hand) for n in by_hand]


def step(path: str, kind: str, *shapes: tuple[int, ...], repeats: int = 1, **attributes: Any
         ) -> PlacedOperator:
    return PlacedOperator(path, Operator.make(kind, *shapes, **attributes), repeats)


def test_a_step_holds_what_it_reads_its_result_and_its_blocks_input() -> None:
    small, large = (1, 4, 8, 8), (1, 16, 8, 8)
    block = [
        step("net.0.expand", "conv", small, out=16, kernel=(1, 1)),
        step("net.0.depthwise", "conv", large, out=16, kernel=(3, 3), groups=16),
        step("net.0.project", "conv", large, out=4, kernel=(1, 1)),
        step("net.0", "add", small, small),
    ]
    assert peak_bytes(block[:1]) == 4 * 64 * (4 + 16)
    assert peak_bytes(block[:3]) == 4 * 64 * (16 + 16)  # nothing adds the block's input
    assert peak_bytes(block) == 4 * 64 * (16 + 16 + 4)


def test_what_comes_before_a_loop_stands_beside_its_steps() -> None:
    volume = step("head.volume", "conv", (1, 4, 8, 8), out=32, kernel=(1, 1))
    update = step("head.update", "conv", (1, 4, 8, 8), out=4, kernel=(3, 3), repeats=6)
    assert peak_bytes([volume, update]) == 4 * 64 * (32 + 4 + 4)


@pytest.mark.parametrize("recipe", ["flownas-small", "flownas"])
def test_memory_by_gathers_is_that_of_the_lowered_networks(recipe: str) -> None:
    space = load_space(recipe)
    memory = quantity("memory_mib", space, None)  # type: ignore[arg-type]
    vectors = space.sample(np.random.default_rng(0), 20)
    frames = 2 * 3 * space.input_height * space.input_width * 4  # type: ignore[attr-defined]
    for vector, found in zip(vectors, memory.values(vectors), strict=True):
        weights = peak = 0
        for factor in space.factors:
            choices = [space.decisions[i].choices[vector[i]] for i in factor.decisions]
            placed = space.lower_factor(factor, choices)
            weights += sum(4 * cost_of(p.operator).parameters for p in placed)
            for net in {p.path.partition(".")[0] for p in placed}:
                own = [p for p in placed if p.path.partition(".")[0] == net]
                peak = max(peak, peak_bytes(own))
        assert found == pytest.approx((weights + peak + frames) / MIB)
    assert memory.reference > 0
    assert 1 <= len(memory_parts(space)) < len(space.factors)


@pytest.mark.parametrize("recipe", ["flownas-small", "flownas", "da-nas-small",
                                    "parsec-darts-small"])
def test_the_least_memory_is_that_of_an_integer_programme(recipe: str) -> None:
    space = load_space(recipe)
    memory = quantity("memory_mib", space, None)  # type: ignore[arg-type]
    solved = least_largest(Programme(space), memory.parts)
    assert solved is not None
    found, best = memory.values(np.array([memory.least(), solved]))
    assert found == pytest.approx(best, rel=1e-9)
    assert found <= memory.values(space.sample(np.random.default_rng(0), 200)).min()


def parameters_as_built(space: Any, vectors: np.ndarray) -> list[int]:
    """Weights of the networks of vectors, then of the reference."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with torch.device("meta"):
        networks = [space.build(space.decode(v)) for v in vectors] + [space.build_reference()]
    return [sum(p.numel() for p in network.parameters()) for network in networks]


EXACT = ["flownas-small", "flownas", "da-nas-small", "bn-nas-small", "parsec-chain-small",
         "nasbench-macro", "fbnetv2-f-small", "fbnetv2-f-split-small"]


@pytest.mark.parametrize("recipe", EXACT)
def test_parameters_are_those_of_the_networks_as_built(recipe: str) -> None:
    space: Any = load_space(recipe)
    found = quantity("parameters", space, None)  # type: ignore[arg-type]
    vectors = space.sample(np.random.default_rng(1), 3)
    assert [*found.values(vectors), found.reference] == parameters_as_built(space, vectors)


@pytest.mark.parametrize("recipe", ["parsec-darts-small", "fp-nas-darts-small"])
def test_parameters_of_cells_are_never_too_few(recipe: str) -> None:
    """Factors count what nobody reads, which networks leave out."""
    space: Any = load_space(recipe)
    found = quantity("parameters", space, None)  # type: ignore[arg-type]
    vectors = space.sample(np.random.default_rng(1), 8)
    *counts, reference = parameters_as_built(space, vectors)
    assert (found.values(vectors) >= np.array(counts)).all()
    assert found.reference >= reference


@pytest.mark.parametrize("strategy", sorted(STRATEGIES.names()))
def test_every_strategy_keeps_every_constraint(tmp_path: Path, strategy: str) -> None:
    toys = Toys()
    limits = {"memory_mib": "90%", "parameters": "90%", "flops": "80%"}
    section = {"name": strategy, "fitness": {"epe": 1.0}, "settings": {}}
    plan = toys.plan(tmp_path / "run", {**RECIPE, "strategy": section}, latency="90%",
                     evaluations=25, limits=limits, also=("cpu@2:80%",))
    result = conduct(plan, toys.accuracy, toys.stopwatch, Notes())
    assert result.evaluations == 25
    records = [json.loads(line) for line in
               (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    vectors = np.array([r["vector"] for r in records if r["event"] == "evaluated"])
    for requirement in plan.requirements:
        assert (requirement.values(vectors) <= requirement.top * (1 + 1e-9)).all()
    names = [(limit.name, limit.target) for limit in result.limits]
    assert names == [("latency_ms", "cpu"), ("latency_ms", "cpu@2"), ("memory_mib", ""),
                     ("parameters", ""), ("flops", "")]
    for limit in result.limits:
        assert limit.predicted <= limit.upper <= limit.limit * (1 + 1e-9)
    measured = {(limit.name, limit.target): limit.measured for limit in result.limits}
    assert measured[("latency_ms", "cpu")] == result.best.measured_latency_ms
    assert measured[("parameters", "")] == 900
    assert measured[("flops", "")] is None
    page = (tmp_path / "run" / "report.html").read_text()
    assert "latency on cpu@2" in page and "memory" in page


def test_a_relative_limit_is_a_share_of_the_references(toys: Toys, tmp_path: Path) -> None:
    plan = toys.plan(tmp_path / "run", limits={"flops": "150%", "memory_mib": "10"})
    flops = quantity("flops", toys.space, toys.table)
    by_hand = sum(cost_of(p.operator).flops for p in toys.space.lower_reference())
    assert flops.reference == by_hand
    assert plan.settings.limits == {"flops": 1.5 * by_hand, "memory_mib": 10.0}


def test_energy_needs_a_table_that_has_it(toys: Toys, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--energy-mj: the table of .* has no energy"):
        toys.plan(tmp_path / "run", limits={"energy_mj": "80%"})


def test_energy_is_bounded_from_what_the_device_told(toys: Toys) -> None:
    networks = [
        replace(sample, energy_mj=5 + 40 * sample.latency_ms) for sample in toys.table.networks
    ]
    few = LatencyTable(toys.table.info, toys.table.rows, networks)
    with pytest.raises(UserError, match="has the energy of 13 networks only; a bound needs 19"):
        quantity("energy_mj", toys.space, few)
    vectors = toys.space.everything()[::20]
    from tests.predictor.tables import make_table

    table = make_table(toys.space, vectors)
    noise = np.random.default_rng(0).normal(0, 0.01, len(table.networks))
    networks = [replace(s, energy_mj=(5 + 40 * s.latency_ms) * float(np.exp(e)))
                for s, e in zip(table.networks, noise, strict=True)]
    found = quantity("energy_mj", toys.space, LatencyTable(table.info, table.rows, networks))
    truth = 5 + 40 * toys.predictor.predict(toys.space.everything()).latency_ms
    bound = found.values(toys.space.everything())
    assert (bound / truth).mean() == pytest.approx(1.02, abs=0.015)
    assert np.mean(truth <= bound) > 0.95
    reference = next(s for s in networks if s.vector is None)
    assert found.reference == reference.energy_mj


def test_a_further_target_is_measured_and_strikes(tmp_path: Path) -> None:
    toys = Toys()

    def there(paths: Any) -> Any:
        there.calls += 1  # type: ignore[attr-defined]
        slow = 1.3 if there.calls == 1 else 1.0  # type: ignore[attr-defined]
        return {name: replace(m, median_ms=plan.also[0].latency.budget_ms * 0.9 * slow)
                for name, m in toys.stopwatch(paths).items()}

    there.calls = 0  # type: ignore[attr-defined]
    plan = toys.plan(tmp_path / "run", latency="100%", also=("cpu@2:70%",))
    result = conduct(plan, toys.accuracy, toys.stopwatch, Notes(), {"cpu@2": there})
    assert result.verified
    struck, winner = result.rounds
    assert struck.check.over_also == ("cpu@2",) and not struck.check.over_budget
    assert "on 'cpu@2' it took" in struck.check.faults[0]
    assert plan.also[0].latency.correction > 1 and plan.latency.correction == 1
    assert winner.check.also["cpu@2"].median_ms == result.limits[1].measured
    again = conduct(toys.plan(tmp_path / "run", latency="100%", also=("cpu@2:70%",), resume=True),
                    toys.accuracy, toys.stopwatch, Notes())
    assert again == result


def test_a_bound_on_a_target_that_is_not_here_is_not_told_like_a_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toys = Toys()
    plan = toys.plan(tmp_path / "run", latency="100%", also=("cpu@2:70%",))
    result = conduct(plan, toys.accuracy, toys.stopwatch, Notes())
    assert not result.verified
    summary(result, tmp_path / "run")
    bound = result.limits[1]
    assert bound.measured is None
    assert (f"latency_ms on cpu@2: predicted at most {bound.upper:,.3f} of {bound.limit:,.3f}, NOT "
            "measured") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"also": ("cpu@0",)}, "'cpu@0' is no target"),
        ({"also": ("cpu@2:soon",)}, "--also-target cpu@2:soon: 'soon' is no budget"),
        ({"also": ("cpu",)}, "--also-target 'cpu' names a target twice"),
        ({"also": ("cpu@2",), "latency_ms": "9"}, "names no budget"),
        ({"also": ("tpu:80%",)}, "unknown target 'tpu'"),
        ({"limits": {"flops": "3X"}}, "--flops '3X' is no budget; give a number above 0 such as"),
        ({"limits": {"memory_mib": "0%"}}, "--memory-mib '0%' is no budget"),
        ({"also": ("cpu@2:1%",)}, "no architecture of flownas-small is sure to keep 0.010 ms on "
                                  "'cpu@2' (--also-target cpu@2:1%); predictions reach"),
        ({"limits": {"parameters": "0.001k"}}, "has at most 1 parameters (--parameters 0.001k); "
                                               "they have from"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    toys: Toys, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        toys.plan(tmp_path / "run", **options)
    assert message in str(caught.value)


def test_three_that_exclude_each_other_say_how_far_each_must_yield(
    toys: Toys, tmp_path: Path
) -> None:
    """The toy's memory and latency on the further target pull different ways."""
    vectors = toys.space.everything()
    memory = quantity("memory_mib", toys.space, toys.table)
    there = toys.elsewhere.predict(vectors).upper_ms
    held = memory.values(vectors)
    limit_ms = float(np.quantile(there, 0.4))
    least = float(held[there <= limit_ms].min())
    assert least == held.min()  # so both can be kept
    plan = toys.plan(tmp_path / "run", latency="200%", limits={"memory_mib": f"{least * 1.001}"},
                     also=(f"cpu@2:{limit_ms}ms",))
    drawn = plan.region.draw(np.random.default_rng(0), 20, set())
    assert (memory.values(drawn) <= least * 1.002).all()
    with pytest.raises(InfeasibleError, match="they have from"):
        toys.plan(tmp_path / "run", latency="200%", limits={"memory_mib": f"{least * 0.9}"},
                  also=(f"cpu@2:{limit_ms}ms",))


def test_operations_of_a_cell_are_those_that_are_executed():
    space = parsec_darts_small()
    vectors = space.sample(np.random.default_rng(3), 30)
    wanted = [sum(cost_of(item.operator).flops * item.repeats for item in
                  space.lower(space.decode(vector))) for vector in vectors]
    flops = quantity("flops", space, estimate_table(space, "rtx3090"))
    assert flops.values(vectors).tolist() == pytest.approx(wanted, rel=1e-9)
    counted = QuantityRequirement(replace(flops, idle=None), 1.0).values(vectors)
    middle = int(np.argmax(counted - wanted))
    (limit,) = QuantityRequirement(flops, wanted[middle]).limits
    assert counted[middle] > wanted[middle] and limit.allowed(vectors)[middle]
    reach = QuantityRequirement(flops, 1.0).reach()
    assert reach.low <= min(wanted) and reach.low <= flops.values(np.array([flops.least()]))[0]
