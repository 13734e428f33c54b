from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from evolution import run
from evolution.conduct import conduct
from evolution.region import Region
from evolution.result import Result, load_result
from evolution.scoring import Candidate
from evolution.search import Search
from evolution.strategies.random import Random, RandomSettings
from evolution.verification import relative_difference
from luts.space import Vectors
from predictor.base import Prediction
from tests.evolution.test_front import JOINT
from tests.evolution.toys import MARGIN, Notes, ToyNetwork, Toys


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


def test_what_is_too_slow_comes_before_what_computes_something_else(tmp_path: Path) -> None:
    """The first export is wrong and quick, the others are right and too slow."""
    toys = Toys(factors=(0.5, 1.5))
    export, gains = toys.accuracy.export, iter([1.5])

    def once_wrong(network: ToyNetwork, path: Path) -> None:
        wrong = next(gains, 1.0) if network.architecture is not None else 1.0
        export(ToyNetwork(network.gain * wrong, network.architecture), path)

    toys.accuracy.export = once_wrong  # type: ignore[method-assign]
    result = search(tmp_path / "run", toys)
    assert not result.verified and result.struck
    first, *others = result.rounds
    assert "outputs differ" in first.check.faults[0] and not first.check.over_budget
    assert result.best.architecture != first.architecture
    assert result.best.measured_latency_ms == min(r.check.best.median_ms for r in others)


def test_more_weights_than_the_limit_are_struck_however_they_were_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys = Toys()
    plan = toys.plan(tmp_path / "run", latency="100%", limits={"parameters": "90%"})
    most = plan.settings.parameters
    assert most is not None
    monkeypatch.setattr(toys.accuracy, "parameters", lambda architecture: most + 1)
    result = conduct(plan, toys.accuracy, toys.stopwatch, Notes())
    assert not result.verified and result.struck
    assert all(r.check.faults == (f"it has {most + 1:,} of {most:,} parameters",)
               for r in result.rounds)


def test_strikes_that_leave_nothing_end_the_search_unverified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a space too large to be listed the solver proves it, which is no error of the user's."""
    monkeypatch.setattr("evolution.region.ENUMERABLE", 100)
    toys = Toys(factors=(1.5,))
    lowest = float(toys.predictor.predict(toys.space.everything()).upper_ms.min())
    plan = toys.plan(tmp_path / "run", JOINT, latency_ms=str(1.05 * lowest), evaluations=12)
    result = conduct(plan, toys.accuracy, toys.stopwatch, Notes())
    assert not result.verified and result.struck
    assert 1 <= len(result.rounds) < plan.recipe.verification.rounds
    assert load_result(tmp_path / "run") == result


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.5, 3)])
def test_a_search_without_a_network_that_holds_ends_with_a_code_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float, code: int
) -> None:
    toys = Toys(factors=(factor,))
    plan = toys.plan(tmp_path / "run", latency="80%")
    monkeypatch.setattr("evolution.prepare.prepare", lambda options: plan)
    monkeypatch.setattr(
        run, "_carry_out",
        lambda plan, *_: conduct(plan, toys.accuracy, toys.stopwatch, Notes()))
    assert run.main(target="cpu") == code
    unmeasured = toys.plan(tmp_path / "there", latency="80%")
    assert not conduct(unmeasured, toys.accuracy, None, Notes()).struck


class ByFormula:
    """Scores by the toy's formula, without a ledger."""

    def __init__(self, toys: Toys) -> None:
        self.toys = toys
        self.ledger = SimpleNamespace(replaying=False)

    def score(
        self, vectors: Vectors, predicted: Prediction, *, generation: int
    ) -> Iterator[Candidate]:
        for row, ms, upper in zip(vectors, predicted.latency_ms, predicted.upper_ms, strict=True):
            epe = float(self.toys.accuracy.epe(row[None])[0])
            yield Candidate(tuple(row.tolist()), generation, float(ms), float(upper),
                            {"epe": epe}, epe, 0.0)


def test_the_best_is_that_of_all_after_each_score_and_strike(toys: Toys, region: Region) -> None:
    strategy = Random(region, RandomSettings(batch=7), 0)
    search = Search(strategy, ByFormula(toys), region, region.limits[0], Notes())  # type: ignore[arg-type]

    def fittest() -> Candidate | None:
        return min(search.able(), key=lambda candidate: candidate.rank, default=None)

    assert search.best() is None
    for _ in range(3):
        search.advance(7)
        assert search.best() is fittest()
    search.strike(search.best())  # type: ignore[arg-type]
    assert search.best() is fittest() and len(search.able()) == 20
    region.limits[0].correction = 1.1  # type: ignore[attr-defined]
    assert search.best() is fittest() and len(search.able()) < 20
    region.limits[0].correction = 100.0  # type: ignore[attr-defined]
    assert search.best() is None


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
