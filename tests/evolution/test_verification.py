from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from evolution.conduct import conduct
from evolution.result import Result
from evolution.verification import relative_difference
from tests.evolution.toys import MARGIN, Notes, Toys


def search(out: Path, toys: Toys, view: Notes | None = None) -> Result:
    plan = toys.plan(out, latency="80%")
    return conduct(plan, toys.accuracy, toys.stopwatch, view or Notes())


def test_a_winner_that_breaks_the_budget_is_struck_and_the_next_is_found(tmp_path: Path) -> None:
    view = Notes()
    toys = Toys(factors=(1.12, 1.0))
    result = search(tmp_path / "run", toys, view)
    assert result.verified
    assert [bool(r.check.faults) for r in result.rounds] == [True, False]
    struck, winner = result.rounds
    assert struck.check.best.median_ms > result.constraint.latency_ms
    assert "ms of" in struck.check.faults[0]
    assert winner.architecture == result.best.architecture != struck.architecture
    assert result.best.measured_latency_ms <= result.constraint.latency_ms
    assert any("struck in round 1 of 3" in line for line in view.lines)


def test_a_strike_tightens_the_bounds_of_the_run_by_what_was_seen(tmp_path: Path) -> None:
    toys = Toys(factors=(1.06 * MARGIN, 1.0))
    result = search(tmp_path / "run", toys)
    assert result.correction == pytest.approx(1.06)
    winner = result.rounds[-1]
    assert winner.upper_latency_ms * result.correction <= result.constraint.latency_ms
    assert result.evaluations == 45


def test_a_device_that_is_always_too_slow_ends_unverified_and_says_so(tmp_path: Path) -> None:
    toys = Toys(factors=(1.5,))
    result = search(tmp_path / "run", toys)
    assert not result.verified
    assert len(result.rounds) == toys.stopwatch.rounds == 3
    assert "3 of at most 3 candidates were measured and struck" in result.reason
    nearest = min(r.check.best.median_ms for r in result.rounds)
    assert result.best.measured_latency_ms == nearest
    handed_over = onnx.load(tmp_path / "run" / "best.onnx").doc_string
    assert json.loads(handed_over) == result.best.architecture
    assert "not verified" in (tmp_path / "run" / "report.html").read_text()


def test_an_export_that_computes_something_else_is_struck(tmp_path: Path) -> None:
    toys = Toys(export_gain=1.01)
    result = search(tmp_path / "run", toys)
    assert not result.verified
    assert result.best.measured_latency_ms <= result.constraint.latency_ms
    faults = result.rounds[0].check.faults
    assert any("outputs differ from torch by 0.01" in fault for fault in faults)
    assert any("metrics differ from torch by 0.01" in fault for fault in faults)
    assert result.correction == 1.0


def test_tolerances_are_relative_to_the_largest_output() -> None:
    wanted = np.array([0.0, -200.0])
    assert relative_difference(np.array([0.1, -200.0]), wanted) == pytest.approx(5e-4)
    assert relative_difference(np.array([np.nan, -200.0]), wanted) == np.inf
    assert relative_difference(np.zeros(3), wanted) == np.inf
    assert relative_difference(np.zeros(2), np.zeros(2)) == 0.0
