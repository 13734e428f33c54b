"""A finished run is settled by a measurement on its target."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evolution import verify
from evolution.conduct import conduct
from evolution.report import write_report
from evolution.result import Result, load_result
from luts.target import load_target
from tests.commands import call_main
from tests.evolution.toys import Notes, Toys


@dataclass(frozen=True)
class Times:
    median_ms: float
    p10_ms: float = 1.0
    p90_ms: float = 9.0
    p99_ms: float = 9.5
    samples: int = 40


class Machine:
    """A device whose latencies are told."""

    name = "toy"

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
        self.best_ms = 1.0
        self.asked: dict[str, Any] = {}
        monkeypatch.setattr("profiler.device.resolve_device", lambda name: load_target(target))
        monkeypatch.setattr("profiler.timing.runtime_for", lambda *asked: self)
        monkeypatch.setattr("profiler.timing.measure_interleaved", self.measure)

    def version(self) -> str:
        return "1.2"

    def measure(self, paths: dict[str, Path], **asked: Any) -> dict[str, Times]:
        assert all(path.is_file() for path in paths.values())
        self.asked = asked
        return {"best": Times(self.best_ms), "reference": Times(2 * self.best_ms)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    toys = Toys()
    conduct(toys.plan(tmp_path / "run", latency="80%"), toys.accuracy, None, Notes())
    return tmp_path / "run"


def searched(run: Path, also: str, *, timed: bool) -> Result:
    """A search for a further target; without timing, on a machine that is none of them."""
    toys = Toys()
    plan = toys.plan(run, latency="80%", also=(also,))
    return conduct(plan, toys.accuracy, toys.stopwatch if timed else None, Notes())


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    return call_main(monkeypatch, verify.main, *arguments)


def test_within_the_budget_it_passes_and_the_run_folder_says_so(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, before = Machine(monkeypatch, "cpu"), load_result(run)
    assert not before.verified
    machine.best_ms = 0.9 * before.constraint.latency_ms
    (run / "report.html").write_text("old")
    assert command(monkeypatch, str(run)) == 0
    after = load_result(run)
    assert after.verified
    assert (after.reason, after.to_verify) == ("", "")
    assert after.best.measured_latency_ms == machine.best_ms
    assert after.reference.measured_latency_ms == 2 * machine.best_ms
    assert after.provenance.runtime == "toy 1.2"
    assert after.best.metrics == before.best.metrics
    assert machine.asked["runtime"] is machine
    assert (run / "report.html").read_text() != "old"
    assert capsys.readouterr().out.startswith(f"PASS: {machine.best_ms:.3f} ms measured on cpu")


def test_a_search_by_estimates_no_longer_says_that_nothing_was_measured(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_result(run).model_copy(update={"latencies": "estimated"})
    before.save(run)
    write_report(run)
    said = "Nothing was measured"
    assert said in (run / "report.html").read_text()
    machine = Machine(monkeypatch, "cpu")
    machine.best_ms = 0.9 * before.constraint.latency_ms
    assert command(monkeypatch, str(run)) == 0
    page = (run / "report.html").read_text()
    assert said not in page
    assert "later measured on the target" in page
    assert f"{before.best.predicted_latency_ms:.3f} ms" in page
    assert f"{machine.best_ms:.3f} ms" in page


def test_above_the_budget_it_fails_and_says_by_how_much(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(monkeypatch, "cpu")
    budget_ms = load_result(run).constraint.latency_ms
    machine.best_ms = 1.1 * budget_ms
    assert command(monkeypatch, str(run), "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == "FAIL"
    assert said["reason"] == f"it took {1.1 * budget_ms:.3f} ms of {budget_ms:.3f} ms"
    assert said["share_of_reference"] == 0.5
    assert not load_result(run).verified
    # A second measurement may come to another verdict; the first one's fault is not kept.
    machine.best_ms = 0.5 * budget_ms
    assert command(monkeypatch, str(run)) == 0
    assert load_result(run).reason == ""


@pytest.mark.parametrize("name", ["evidence.json", "journal.jsonl", "recipe.yaml", "settings.json",
                                  "best.onnx"])
def test_a_run_that_was_copied_in_part_is_refused_before_it_is_measured(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    machine, before = Machine(monkeypatch, "cpu"), (run / "result.json").read_bytes()
    (run / name).unlink()
    assert command(monkeypatch, str(run)) == 2
    error = capsys.readouterr().err
    assert name in error and error.count("\n") == 1
    assert machine.asked == {}
    assert (run / "result.json").read_bytes() == before


def test_faults_of_the_export_stay(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = load_result(run)
    last = result.rounds[-1]
    wrong = "its exported outputs differ from torch by 0.3"
    check = last.check.model_copy(update={"faults": (wrong,)})
    rounds = (*result.rounds[:-1], last.model_copy(update={"check": check}))
    result.model_copy(update={"rounds": rounds}).save(run)
    machine = Machine(monkeypatch, "cpu")
    machine.best_ms = 0.5 * result.constraint.latency_ms
    assert command(monkeypatch, str(run)) == 1
    assert load_result(run).reason == wrong


def test_a_struck_run_is_judged_by_the_checks_of_its_winner(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = load_result(run)
    first = result.rounds[-1]
    slow = first.model_copy(update={"check": first.check.model_copy(
        update={"faults": ("it took 9.000 ms of 1.000 ms",), "over_budget": True})})
    wrong = first.model_copy(update={
        "architecture": {name: value + 1 for name, value in first.architecture.items()},
        "check": first.check.model_copy(update={"faults": ("its exported outputs differ",)})})
    result.model_copy(update={"rounds": (slow, wrong), "reason": "struck"}).save(run)
    machine = Machine(monkeypatch, "cpu")
    machine.best_ms = 0.5 * result.constraint.latency_ms
    assert command(monkeypatch, str(run)) == 0
    assert load_result(run).reason == ""


def test_wrong_input_is_one_line_and_changes_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "result.json").read_text()
    Machine(monkeypatch, "h200")
    assert command(monkeypatch, str(run), "--device", "cuda:0") == 2
    error = capsys.readouterr().err
    assert "was searched for 'cpu', and --device cuda:0 is 'h200'" in error
    assert error.count("\n") == 1
    assert command(monkeypatch, str(tmp_path / "none")) == 2
    assert "holds no finished run" in capsys.readouterr().err
    (run / "best.onnx").unlink()
    assert command(monkeypatch, str(run)) == 2
    assert "best.onnx' is missing" in capsys.readouterr().err
    assert (run / "result.json").read_text() == before


def test_each_target_is_settled_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    before = searched(run, "rtx3090:90%", timed=True)
    assert not before.verified
    assert before.reason == "its latency on 'rtx3090' is predicted, not measured"
    assert before.to_verify.endswith("--device cuda:0")
    assert before.best.measured is not None and before.unmeasured == ("rtx3090",)
    machine = Machine(monkeypatch, "rtx3090")
    limit = before.limits[1]
    machine.best_ms = 1.1 * limit.limit
    assert command(monkeypatch, str(run), "--device", "cuda:0") == 1
    slow = load_result(run)
    assert not slow.verified and "on 'rtx3090' it took" in slow.reason
    machine.best_ms = 0.9 * limit.limit
    assert command(monkeypatch, str(run), "--device", "cuda:0") == 0  # measured anew
    assert load_result(run).verified


def test_a_second_target_that_holds_completes_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    before = searched(run, "cpu@2:90%", timed=True)
    assert before.unmeasured == ("cpu@2",) and before.to_verify.endswith("--device cpu")
    machine = Machine(monkeypatch, "cpu")
    machine.best_ms = 0.9 * before.limits[1].limit
    assert command(monkeypatch, str(run)) == 0
    after = load_result(run)
    assert machine.asked["threads"] == 2
    assert after.verified and after.limits[1].measured == machine.best_ms
    assert after.best == before.best


def test_two_targets_that_are_elsewhere_are_settled_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    before = searched(run, "cpu@2:90%", timed=False)
    assert before.unmeasured == ("cpu", "cpu@2")
    machine = Machine(monkeypatch, "cpu")
    machine.best_ms = 0.5 * min(limit.limit for limit in before.limits)
    assert command(monkeypatch, str(run)) == 0
    half = load_result(run)
    assert not half.verified and half.unmeasured == ("cpu@2",)
    assert command(monkeypatch, str(run)) == 0
    assert load_result(run).verified
