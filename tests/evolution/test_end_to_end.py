"""The real thing: shipped weights, the table of this machine, a short search."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from luts.errors import UserError
from predictor.load import load_predictor
from tests.commands import assert_refused

ROOT = Path(__file__).parents[2]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "evolution.run", *arguments], cwd=ROOT,
                          capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def reference_ms() -> float:
    try:
        predictor = load_predictor("cpu", "flownas-small")
    except UserError as error:
        pytest.skip(str(error))
    return predictor.predict_reference()[0]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", [60, 80, 100])
def test_a_short_search_keeps_its_budget(share: int, reference_ms: float, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("--target", "cpu", "--latency", f"{share}%", "--evaluations", "12",
                "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result == json.loads((out / "result.json").read_text())
    assert result["verified"], result["reason"]
    (level,) = result["levels"]
    assert level["predicted_ms"] == pytest.approx(reference_ms)
    assert result["constraint"]["latency_ms"] == pytest.approx(
        share / 100 * level["measured"]["median_ms"])
    assert result["best"]["measured_latency_ms"] <= result["constraint"]["latency_ms"]
    assert result["best"]["metrics"]["epe"] > 0
    assert (out / "report.html").stat().st_size > 1_000_000


@pytest.mark.slow
def test_an_infeasible_budget_is_refused_with_numbers(reference_ms: float, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("--target", "cpu", "--latency-ms", f"{reference_ms / 1000:.6f}", "--out", str(out))
    assert_refused(done, "predictions reach from")
    assert not out.exists()
