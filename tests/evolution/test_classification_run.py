"""A whole search of classifiers: only the latencies are made up."""

import json
import re

import pytest

from evolution.folder import JOURNAL
from tests.evolution.classifiers import FEW, searched, trained

RECIPE = "bn-nas-small"
SETTINGS = ["steps=2", "batch=4", "validation_images=40", "calibration_images=8", "precision=fp32"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    trained(RECIPE, folder / "trained", SETTINGS)
    result, accuracy = searched(RECIPE, folder / "search", folder / "trained", FEW)
    return result, folder / "search", accuracy


def test_the_winner_has_the_best_indicator_that_keeps_the_budget(finished):
    result, out, _accuracy = finished
    assert result.verified, result.reason
    events = [json.loads(line) for line in (out / JOURNAL).read_text().splitlines()]
    scored = [e for e in events if e["event"] == "evaluated"]
    assert len(scored) == 24 and all(set(e["metrics"]) == {"bn_indicator"} for e in scored)
    assert result.best.metrics["bn_indicator"] == min(e["metrics"]["bn_indicator"] for e in scored)
    assert all(e["upper_ms"] <= result.constraint.latency_ms for e in scored)


def test_the_result_has_the_errors_that_the_search_did_not_compute(finished):
    result, _, accuracy = finished
    assert result.objective == "error"
    best = accuracy.space.architecture(result.best.architecture)
    expected = accuracy._metrics(accuracy.network(best))
    assert result.best.metrics["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    assert set(result.reference.metrics) == {"error", "error_top5", "loss"}


def test_the_report_speaks_of_classes_and_blocks(finished):
    _, out, _ = finished
    page = (out / "report.html").read_text()
    assert "image, class" in page and "expansion 6" in page
    assert "error, searched" in page and "bn_indicator" in page
    # What has no flow does not speak of it; the libraries inside the page may.
    told = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.search(r"\bflow\b|\bepe\b|\bpair \d|not finite", told, re.I)
    assert "The likeliest classes" in told
    assert len(list((out / "pictures").glob("*.png"))) == 3 * 3
