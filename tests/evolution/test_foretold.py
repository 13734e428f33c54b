"""Where a target is measured at last, what was said of it from afar is shown beside that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evolution.conduct import conduct
from evolution.foretold import foretold
from evolution.plan import Plan
from evolution.reporting.tables import comparison, provenance
from evolution.result import Result
from predictor.unmeasured.table import estimate_table
from tests.evolution.toys import Notes, Toys

SMALLEST = np.zeros(8, dtype=np.int64)


def planned(folder: Path, target: str) -> tuple[Plan, Toys]:
    toys = Toys()
    plan = toys.plan(folder, latency="80%")
    settings = plan.settings.model_copy(update={"target": target})
    return replace(plan, settings=settings), toys


def test_it_is_the_estimate_that_a_search_would_have_gone_by(tmp_path: Path) -> None:
    plan, toys = planned(tmp_path, "rtx3090")
    vector = toys.space.sample(np.random.default_rng(0), 1)[0]
    told = foretold(plan, vector)
    assert told is not None
    table = estimate_table(toys.space, "rtx3090")
    placed = toys.space.lower(toys.space.decode(vector))
    assert told.best_ms == pytest.approx(sum(table[p.operator].device_ms for p in placed))
    assert told.best_ms < told.best_upper_ms
    assert told.reference_upper_ms / told.reference_ms == pytest.approx(
        told.best_upper_ms / told.best_ms)
    assert "on this card" in told.evidence


def test_nothing_is_told_of_what_nobody_estimates(tmp_path: Path) -> None:
    plan, toys = planned(tmp_path, "cpu")
    assert foretold(plan, SMALLEST) is None
    plan, toys = planned(tmp_path, "rtx3090")
    two = plan.settings.model_copy(update={"threads": 2})
    assert foretold(replace(plan, settings=two), SMALLEST) is None
    estimated = replace(plan, table=estimate_table(toys.space, "rtx3090"))
    assert foretold(estimated, SMALLEST) is None


def test_the_report_shows_estimate_and_measurement(tmp_path: Path) -> None:
    plan, toys = planned(tmp_path / "run", "rtx3090")
    result = conduct(plan, toys.accuracy, toys.stopwatch, Notes())
    told = result.foretold
    assert told is not None
    assert Result.model_validate_json(result.model_dump_json()) == result
    shown = comparison(result)
    assert f"{told.best_ms:.3f} ({told.best_upper_ms:.3f}) ms" in shown
    assert f"{told.reference_ms:.3f} ({told.reference_upper_ms:.3f}) ms" in shown
    assert f"{result.best.measured_latency_ms:.3f} ms" in shown
    assert told.evidence[:40] in provenance(result)
    without = result.model_copy(update={"foretold": None})
    assert "from afar" not in comparison(without) + provenance(without)
