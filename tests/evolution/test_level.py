"""The reference is measured first: bounds and budgets follow the machine's level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolution.conduct import conduct
from evolution.reporting.charts import trade_off
from evolution.reporting.story import read_story
from evolution.result import Result
from luts.errors import CorruptFileError, InfeasibleError, UserError
from tests.evolution.test_conduct import cut, evaluated, found, journal
from tests.evolution.toys import MARGIN, Notes, Toys


def search(out: Path, toys: Toys, **options: Any) -> Result:
    plan = toys.plan(out, **{"latency": "80%", "level_check": True, **options})
    return conduct(plan, toys.accuracy, toys.stopwatch, Notes())


def test_a_share_is_one_of_the_reference_as_it_is_now(tmp_path: Path) -> None:
    slow = Toys(factors=(1.08,))
    result = search(tmp_path / "run", slow)
    assert result.verified and len(result.rounds) == 1
    reference_ms = slow.predictor.predict_reference()[0]
    assert result.constraint.latency_ms == pytest.approx(0.8 * 1.08 * reference_ms)
    (level,) = result.levels
    assert level.ratio == pytest.approx(1.08) and level.target == "cpu"
    assert result.correction == pytest.approx(1.08) == result.scale
    # The same networks fit as on a machine at the table's level.
    plain = Toys()
    conduct(plain.plan(tmp_path / "plain", latency="80%"), plain.accuracy, plain.stopwatch, Notes())
    assert [r["vector"] for r in evaluated(tmp_path / "run")] == [
        r["vector"] for r in evaluated(tmp_path / "plain")]
    assert "+8.0% against its table" in (tmp_path / "run" / "report.html").read_text()
    # Predictions are drawn as the table has them, so they have a line of their own.
    drawn = trade_off(read_story(tmp_path / "run"))["layout"]
    assert [line["x0"] for line in drawn["shapes"]] == pytest.approx(
        [0.8 * 1.08 * reference_ms, 0.8 * reference_ms])
    assert drawn["annotations"][1]["text"] == f"for predictions {0.8 * reference_ms:.2f} ms"


def test_an_absolute_budget_stays_and_bounds_follow_the_slower_machine(tmp_path: Path) -> None:
    slow = Toys(factors=(1.08,))
    budget_ms = 0.8 * slow.predictor.predict_reference()[0]
    result = search(tmp_path / "run", slow, latency=None, latency_ms=f"{budget_ms}")
    assert result.verified and len(result.rounds) == 1
    assert result.constraint.latency_ms == pytest.approx(budget_ms)
    assert all(r["upper_ms"] * 1.08 <= budget_ms * (1 + 1e-9)
               for r in evaluated(tmp_path / "run"))
    fast = Toys(factors=(0.9,))
    relieved = search(tmp_path / "fast", fast, latency=None, latency_ms=f"{budget_ms}")
    assert relieved.correction == 1.0
    assert relieved.levels[0].ratio == pytest.approx(0.9)


def test_without_the_check_nothing_is_measured_first(tmp_path: Path) -> None:
    toys = Toys()
    result = search(tmp_path / "run", toys, level_check=False)
    assert result.levels == ()
    assert toys.stopwatch.rounds == 1
    assert "levelled" not in [r["event"] for r in journal(tmp_path / "run")]


def test_a_level_that_leaves_nothing_feasible_is_refused(tmp_path: Path) -> None:
    toys = Toys(factors=(1.2,))
    lowest_ms = float(toys.predictor.predict(toys.space.everything()).upper_ms.min())
    said = r"the lowest upper bound is .*; that is by what .* takes now .* \(\+20.0% on 'cpu'\)"
    with pytest.raises(InfeasibleError, match=said):
        search(tmp_path / "run", toys, latency=None, latency_ms=f"{lowest_ms * 1.1}")
    # Nothing is left of the start, so that the same command works once the machine is itself again.
    assert list(tmp_path.iterdir()) == []


def test_a_level_that_is_no_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--no-level-check"):
        search(tmp_path / "run", Toys(factors=(2.0,)))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".note").write_text("mine")
    with pytest.raises(UserError, match="--no-level-check"):
        search(tmp_path / "run", Toys(factors=(2.0,)))
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".note"]


def test_a_run_that_is_refused_when_it_is_resumed_stays(tmp_path: Path) -> None:
    search(tmp_path / "run", Toys())
    cut(tmp_path / "run", 1)
    with pytest.raises(UserError, match="--no-level-check"):
        search(tmp_path / "run", Toys(factors=(2.0,)), resume=True)
    assert (tmp_path / "run" / "settings.json").exists()


@pytest.mark.parametrize("records", [2, 20])
def test_a_resumed_run_takes_the_level_from_its_journal(tmp_path: Path, records: int) -> None:
    unbroken = search(tmp_path / "run", Toys(factors=(1.05 * MARGIN, 1.0)))
    events = [record["event"] for record in journal(tmp_path / "run")]
    assert events[:3] == ["started", "levelled", "evaluated"]
    cut(tmp_path / "run", records)
    resumed = search(tmp_path / "run", Toys(factors=(1.0,)), resume=True)
    assert found(resumed) == found(unbroken)


def test_a_damaged_level_is_noticed(tmp_path: Path) -> None:
    search(tmp_path / "run", Toys())
    cut(tmp_path / "run", 5)
    path = tmp_path / "run" / "journal.jsonl"
    path.write_text(path.read_text().replace('"ratio"', '"ration"', 1))
    with pytest.raises(CorruptFileError, match="level in the journal is damaged"):
        search(tmp_path / "run", Toys(), resume=True)
