"""The front over a range of budgets: searched at once, logged, proved at ends and middle."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolution.conduct import conduct
from evolution.pareto import hypervolume, ranks
from evolution.region import Region
from evolution.result import Result
from evolution.strategies.base import Strategy
from evolution.strategies.front import Front, FrontSettings
from luts.errors import InfeasibleError, UserError
from tests.conformance.strategy import StrategyConformance
from tests.evolution.test_conduct import cut, evaluated, found, journal
from tests.evolution.toys import MARGIN, RECIPE, Notes, Toys

JOINT = {**RECIPE, "strategy": {"name": "joint", "fitness": {"epe": 1.0}, "settings": {}}}


class TestFront(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Front(region, FrontSettings(low=0.8, budgets=3), seed)


def search(out: Path, given: Toys | None = None, **options: Any) -> Result:
    made = given or Toys()
    recipe = options.pop("recipe", JOINT)
    plan = made.plan(out, recipe, **{"pareto": "60%..120%", "evaluations": 60, **options})
    return conduct(plan, made.accuracy, made.stopwatch, Notes())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("front") / "run"
    return out, search(out)


def test_the_front_is_what_no_evaluated_network_beats(finished: tuple[Path, Result]) -> None:
    out, result = finished
    assert result.front is not None
    records = evaluated(out)
    assert len(records) == 60
    values = np.array([(r["upper_ms"], r["fitness"]) for r in records])
    best = {tuple(row) for row in values[ranks(values) == 0].tolist()}
    points = [(p.upper_ms, p.fitness) for p in result.front.points]
    assert set(points) == best and points == sorted(points)
    reference_ms = Toys().predictor.predict_reference()[0]
    assert result.front.low_ms == pytest.approx(0.6 * reference_ms)
    assert result.front.high_ms == pytest.approx(1.2 * reference_ms)
    assert max(r["upper_ms"] for r in records) <= result.front.high_ms
    # Members with less than the whole budget found something too.
    assert min(p.upper_ms for p in result.front.points) <= 0.9 * reference_ms


def test_hypervolume_is_logged_and_never_falls(finished: tuple[Path, Result]) -> None:
    out, result = finished
    assert result.front is not None
    logged = [r for r in journal(out) if r["event"] == "front"]
    volumes = [r["hypervolume"] for r in logged]
    assert volumes == list(result.front.hypervolume)
    assert volumes == sorted(volumes) and volumes[-1] > volumes[0] >= 0
    values = np.array([(p.upper_ms, p.fitness) for p in result.front.points])
    assert volumes[-1] == pytest.approx(hypervolume(values, np.array(result.front.worst)))


def test_ends_and_middle_are_measured(finished: tuple[Path, Result]) -> None:
    out, result = finished
    assert result.front is not None and result.verified
    points = result.front.points
    measured = [i for i, p in enumerate(points) if p.measured is not None]
    assert {0, len(points) - 1} <= set(measured) and len(measured) == 3
    for index in measured:
        point = points[index]
        assert point.verified and point.measured is not None
        assert point.measured.median_ms <= point.upper_ms
    assert result.best.architecture == points[-1].architecture
    page = (out / "report.html").read_text()
    assert 'id="front"' in page and "The front from" in page


def test_a_point_above_its_bound_is_struck_and_its_neighbour_measured(tmp_path: Path) -> None:
    result = search(tmp_path / "run", Toys(factors=(1.03 * MARGIN, 1.0)))
    assert result.front is not None
    assert [bool(r.check.faults) for r in result.rounds] == [True, False, False, False]
    assert result.correction == pytest.approx(1.03)
    struck = result.rounds[0].architecture
    assert struck not in [p.architecture for p in result.front.points]


@pytest.mark.parametrize("records", [1, 30])
def test_a_resumed_front_is_the_same(
    finished: tuple[Path, Result], tmp_path: Path, records: int
) -> None:
    search(tmp_path / "run")
    cut(tmp_path / "run", records)
    assert found(search(tmp_path / "run", resume=True)) == found(finished[1])


def test_nsga2_searches_a_front_too(tmp_path: Path) -> None:
    section = {"name": "nsga2", "fitness": {"epe": 1.0}, "settings": {"population": 20}}
    result = search(tmp_path / "run", recipe={**RECIPE, "strategy": section}, evaluations=80)
    assert result.front is not None and result.verified
    assert len(result.front.points) > 2


def test_a_tightened_limit_tightens_its_parts() -> None:
    made = Toys()
    plan = made.plan(Path("unused"), latency="120%")
    part = plan.region.narrowed(0, 0.6)
    everything = made.space.everything()
    before = part.allowed(everything)
    assert part.everything() is not None and len(part.everything()) == before.sum()  # type: ignore[arg-type]
    plan.latency.correction = 1.1
    plan.region.changed()
    after = part.allowed(everything)
    assert after.sum() < before.sum() and len(part.everything()) == after.sum()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pareto": "50%"}, "--pareto '50%' is no range; give two budgets of one kind"),
        ({"pareto": "50%..9ms"}, "is no range"),
        ({"pareto": "120%..50%"}, "must begin with the lower budget"),
        ({"pareto": "50%..soon%"}, "--pareto 'soon%' is no budget"),
        ({"latency": "80%"}, "give --pareto, or --latency"),
        ({"strategy": "random"}, "--pareto: strategy 'random' looks for one network"),
    ],
)
def test_what_is_no_range_is_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    from evolution.options import for_range, latency_asked
    from evolution.prepare import Options
    from evolution.recipe import check_recipe, with_strategy

    recipe = check_recipe(dict(JOINT), "r.yaml")
    given = Options("cpu", **{"pareto": "60%..120%", **options})
    with pytest.raises(UserError) as caught:
        if given.strategy:
            recipe = with_strategy(recipe, given.strategy)
        latency_asked(given, for_range(recipe, given))
    assert message in str(caught.value)


def test_a_range_that_begins_below_what_can_be_reached_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="is sure to keep") as caught:
        Toys().plan(tmp_path / "run", JOINT, pareto="1%..120%")
    assert "(--pareto 1%..120%)" in str(caught.value)
    told = re.search(r"give a range that begins at ([0-9.]+)% or above", str(caught.value))
    assert told is not None
    least = float(told[1])
    assert Toys().plan(tmp_path / "run", JOINT, pareto=f"{least}%..120%").settings.pareto
    for range_asked in (f"{least - 0.2:.1f}%..120%", f"1%..{least - 0.2:.1f}%"):
        with pytest.raises(InfeasibleError, match=f"begins at {least}% or above"):
            Toys().plan(tmp_path / "run", JOINT, pareto=range_asked)


def test_the_journal_says_what_a_search_of_a_front_was_for(finished: tuple[Path, Result]) -> None:
    settings = json.loads((finished[0] / "settings.json").read_text())
    reference_ms = Toys().predictor.predict_reference()[0]
    assert settings["pareto"] == pytest.approx([0.6 * reference_ms, 1.2 * reference_ms])
