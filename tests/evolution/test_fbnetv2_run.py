"""A whole search of a space with widths, activations and splits: only the latencies are made up."""

import json

from evolution.folder import JOURNAL
from tests.evolution.classifiers import FEW, searched, trained

RECIPE = "fbnetv2-f-split-small"
SETTINGS = ["steps=2", "batch=8", "validation_images=16", "calibration_images=8", "precision=fp32"]


def test_the_likeliest_within_the_budget_wins(tmp_path):
    trained(RECIPE, tmp_path / "trained", SETTINGS)
    result, _ = searched(RECIPE, tmp_path / "search", tmp_path / "trained", FEW)
    assert result.verified, result.reason
    events = [json.loads(line) for line in (tmp_path / "search" / JOURNAL).read_text().splitlines()]
    scored = [e["metrics"]["improbability"] for e in events if e["event"] == "evaluated"]
    assert result.best.metrics["improbability"] == min(scored)
    assert all(e["upper_ms"] <= result.constraint.latency_ms for e in events
               if e["event"] == "evaluated")
    assert "splits" in (tmp_path / "search" / "report.html").read_text()
