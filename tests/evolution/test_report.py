from __future__ import annotations

import base64
import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evolution.conduct import conduct
from evolution.evidence import Decision
from evolution.report import write_report
from evolution.reporting import charts
from evolution.reporting.calibration import calibration
from evolution.reporting.drawing import draw_architecture
from evolution.reporting.story import Story, read_story
from luts.errors import CorruptFileError, UserError
from tests.evolution.toys import Notes, Toys


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "run"
    toys = Toys(factors=(1.2, 1.0))
    conduct(toys.plan(out, latency="80%"), toys.accuracy, toys.stopwatch, Notes())
    return out


@pytest.fixture(scope="module")
def story(run: Path) -> Story:
    return read_story(run)


def without_plotly(page: str) -> str:
    from plotly.offline import get_plotlyjs

    assert page.count(get_plotlyjs()) == 1
    return page.replace(get_plotlyjs(), "")


def test_the_page_needs_nothing_else(run: Path) -> None:
    page = without_plotly((run / "report.html").read_text())
    assert "{{" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert not re.search(r"https?://|url\(|@import", page)
    sources = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(sources) == 8
    assert all(base64.b64decode(text).startswith(b"\x89PNG") for text in sources)


def test_the_page_says_what_the_result_says(run: Path, story: Story) -> None:
    page = without_plotly((run / "report.html").read_text())
    result = story.result
    assert "flownas-small on cpu" in page
    assert '<span class="status good">verified</span>' in page
    assert f"budget {result.constraint.latency_ms:.2f} ms" in page
    assert f"{result.best.measured_latency_ms:.3f} ms" in page
    assert "struck: it took" in page
    assert story.result.provenance.table in page
    assert "prefers-color-scheme: dark" in page
    assert "flow &lt;searched&gt;" in page
    assert "<searched>" not in page


def test_the_figures_are_what_was_evaluated(story: Story) -> None:
    import plotly.graph_objects as go

    for chart in (charts.trade_off, charts.convergence, calibration):
        figure = chart(story)
        go.Figure(figure)  # refuses properties that Plotly does not know
        json.dumps(figure, allow_nan=False)
    cloud, front = charts.trade_off(story)["data"][:2]
    assert cloud["x"] == [c.latency_ms for c in story.candidates]
    assert cloud["y"] == [c.metrics["epe"] for c in story.candidates]
    points = list(zip(cloud["x"], cloud["y"], strict=True))
    on_front = {p for p in points
                if not any(o != p and o[0] <= p[0] and o[1] <= p[1] for o in points)}
    assert set(zip(front["x"], front["y"], strict=True)) == on_front
    best = charts.convergence(story)["data"][1]["y"]
    assert best == sorted(best, reverse=True)
    (line,) = charts.trade_off(story)["layout"]["shapes"]
    assert line["x0"] == story.result.constraint.latency_ms


def test_a_reference_that_is_not_judged_is_a_line(story: Story) -> None:
    reference = story.result.reference
    names = {trace["name"] for trace in charts.trade_off(story)["data"]}
    assert {"reference, predicted", "reference, measured"} <= names
    unjudged = reference.model_copy(update={"metrics": {}})
    other = dataclasses.replace(
        story, result=story.result.model_copy(update={"reference": unjudged}))
    figure = charts.trade_off(other)
    assert names - {t["name"] for t in figure["data"]} == {
        "reference, predicted", "reference, measured"}
    assert figure["layout"]["shapes"][-1]["x0"] == reference.measured_latency_ms
    assert figure["layout"]["annotations"][-1]["text"].startswith("reference ")


def test_each_block_of_the_architecture_is_drawn(story: Story) -> None:
    architecture = story.result.best.architecture
    assert architecture is not None
    svg = draw_architecture(architecture, story.evidence.decisions, story.evidence.parts)
    blocks = sum(value for name, value in architecture.items() if name.endswith("depth"))
    most = 2 * 3
    assert svg.count("<rect") == 2 * blocks + (most - blocks)
    for cell, ms in story.evidence.parts[1:]:
        assert f">{cell}<" in svg
        assert f"{ms:.2f} ms" in svg


def test_another_kind_of_space_is_listed() -> None:
    html = draw_architecture({"op<1>": 3}, [Decision(name="op<1>", choices=(1, 3))], [])
    assert "op&lt;1&gt;" in html
    assert "<svg" not in html


def test_parts_of_the_winner_add_up_to_its_prediction(story: Story) -> None:
    from tests.predictor.tables import OVERHEAD_MS

    total = sum(ms for _, ms in story.evidence.parts) + OVERHEAD_MS
    assert total == pytest.approx(story.result.best.predicted_latency_ms)


def test_it_is_written_again_from_the_folder_alone(run: Path) -> None:
    before = (run / "report.html").read_text()
    (run / "report.html").unlink()
    done = subprocess.run([sys.executable, "-m", "evolution.report", str(run)],
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(run / "report.html")
    assert (run / "report.html").read_text() == before


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no finished run"):
        write_report(tmp_path)


@pytest.mark.parametrize("name", ["result.json", "evidence.json", "journal.jsonl"])
def test_a_damaged_file_is_named(run: Path, tmp_path: Path, name: str) -> None:
    import shutil

    copy: Any = shutil.copytree(run, tmp_path / "copy")
    text = (copy / name).read_text()
    (copy / name).write_text(text[: len(text) // 2])
    with pytest.raises(CorruptFileError, match=name):
        write_report(copy)
