"""A search for a target that is not here: predicted, and said to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evolution import run
from evolution.conduct import conduct
from evolution.folder import read_examples
from evolution.prepare import Options, prepare
from evolution.result import load_result
from luts.errors import UserError
from luts.estimated import EstimatedTable
from luts.spaces import load_space
from tests.commands import call_main
from tests.evolution.test_conduct import journal
from tests.evolution.toys import Notes, ToyAccuracy, Toys


@pytest.fixture
def nothing_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("METRONAS_TABLES", str(tmp_path / "tables"))
    return tmp_path


def test_the_plan_is_an_estimated_one(nothing_measured: Path) -> None:
    plan = prepare(Options("rtx3090", out=nothing_measured / "run"))
    assert plan.estimated
    assert isinstance(plan.table, EstimatedTable)
    assert plan.settings.latency_ms == pytest.approx(plan.predictor.predict_reference()[0])
    assert "on this card" in plan.evidence
    vectors = plan.region.draw(np.random.default_rng(0), 5, set())
    upper_ms = plan.predictor.predict(vectors).upper_ms * plan.shared
    assert (upper_ms <= plan.settings.latency_ms).all()


def test_errors_that_the_reference_shares_cancel_in_relative_budgets_only(
    nothing_measured: Path,
) -> None:
    relative = prepare(Options("rtx3090", latency="100%", out=nothing_measured / "run"))
    reference_ms, upper_ms = relative.predictor.predict_reference()
    assert relative.predictor.relative_margin is not None
    assert relative.shared < 1
    assert upper_ms * relative.shared == pytest.approx(
        reference_ms * np.exp(relative.predictor.relative_margin))
    absolute = prepare(Options("rtx3090", latency_ms="4", out=nothing_measured / "run"))
    assert absolute.shared == 1
    blind = prepare(Options("rtx4090", latency="150%", out=nothing_measured / "run"))
    assert blind.shared == 1


def test_without_evidence_it_must_be_accepted(nothing_measured: Path) -> None:
    with pytest.raises(UserError, match="--accept-estimate"):
        prepare(Options("l4", out=nothing_measured / "run"))
    accepted = Options("l4", latency="150%", out=nothing_measured / "run", accept_estimate=True)
    plan = prepare(accepted)
    assert plan.estimated
    assert plan.evidence == "no measured evidence"


def test_the_command_says_plainly_that_the_budget_is_predicted(
    nothing_measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracy = ToyAccuracy(load_space("flownas-small"))  # type: ignore[arg-type]
    monkeypatch.setattr("supernet.accuracy.load_accuracy", lambda *_: accuracy)
    monkeypatch.setattr("profiler.runtimes.tensorrt.TensorRt.available", lambda self: False)
    out = nothing_measured / "run"
    code = call_main(
        monkeypatch, run.main, "--target", "rtx3090", "--evaluations", "5", "--out", str(out))
    assert code == 0
    told = capsys.readouterr()
    said = " ".join((told.out + told.err).split())
    assert "latencies of rtx3090 are PREDICTED, not measured: no table of it is here" in said
    assert "predicted budget" in said and "NOT verified" in said
    assert "no engine was built: TensorRT for RTX is not installed" in said
    assert f"carry it to its device with: python -m evolution.export {out}" in said
    result = load_result(out)
    assert (result.verified, result.latencies) == (False, "estimated")
    assert result.best.measured is None and result.reference.measured is None
    assert result.to_verify == f"python -m evolution.verify {out} --device cuda:0"
    assert f"verify it on the device with: {result.to_verify}" in said
    assert result.to_verify in (out / "report.html").read_text()
    assert read_examples(out) == accuracy.remember()


def test_what_cannot_be_measured_is_not_verified(tmp_path: Path) -> None:
    out = tmp_path / "run"
    toys = Toys()
    result = conduct(toys.plan(out, latency="80%"), toys.accuracy, None, Notes())
    assert not result.verified
    assert "predicted, not measured" in result.reason
    assert result.best.measured is None
    assert result.reference.measured_latency_ms is None
    assert len(result.rounds) == 1
    assert not result.rounds[0].check.faults
    assert (out / "best.onnx").exists()
    assert load_result(out) == result
    events = [record["event"] for record in journal(out)]
    assert "exported" in events
    assert "verified" not in events
    page = (out / "report.html").read_text()
    assert '<span class="status bad">not verified</span>' in page
    assert "PREDICTED latency" in page


def test_an_export_that_differs_is_struck_all_the_same(tmp_path: Path) -> None:
    toys = Toys(export_gain=1.5)
    plan = toys.plan(tmp_path / "run", latency="80%")
    result = conduct(plan, toys.accuracy, None, Notes())
    assert not result.verified
    assert len(result.rounds) == plan.recipe.verification.rounds
    assert all("outputs differ" in done.check.faults[0] for done in result.rounds)
