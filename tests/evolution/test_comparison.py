from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evolution.conduct import conduct
from evolution.growing_front import GrowingFront
from evolution.pareto import hypervolume
from evolution.reporting.comparing import Compared, read_runs
from evolution.reporting.comparison import render
from luts.errors import CorruptFileError, UserError
from tests.evolution.test_conduct import search
from tests.evolution.test_halving import HALVED
from tests.evolution.test_report import without_plotly
from tests.evolution.toys import Notes, Toys

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("runs")
    search(root / "a" / "run", seed=1)
    search(root / "b" / "run", seed=2, strategy="random", evaluations=30, toys=Toys(
        factors=(1.2, 1.0)), latency="90%")
    search(root / "b" / "halved", recipe=HALVED)
    return [root / "a" / "run", root / "b" / "run", root / "b" / "halved"]


@pytest.fixture(scope="module")
def runs(folders: list[Path]) -> list[Compared]:
    return read_runs(folders)


def call(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "evolution.report", *map(str, arguments)],
                          cwd=cwd, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
                          check=False)


def test_rows_say_what_the_results_say(runs: list[Compared]) -> None:
    assert [run.name for run in runs] == ["a/run", "b/run", "b/halved"]
    first, second, _ = (run.row() for run in runs)
    assert (first["seed"], first["strategy"], first["struck"]) == (1, "evolution", 0)
    assert (second["seed"], second["strategy"], second["struck"]) == (2, "random", 1)
    assert first["verified"] is True
    assert first["evaluations"] == 40 and second["evaluations"] == 35
    assert first["predicted_ms"] < first["upper_ms"] <= first["budget_ms"] < second["budget_ms"]
    assert first["epe"] == runs[0].result.best.metrics["epe"]
    assert first["reference_epe"] == 1.5
    assert second["measured_ms"] <= second["budget_ms"]


def test_progress_ends_at_the_best_that_was_scored_within_the_budget(
    runs: list[Compared],
) -> None:
    for run in runs:
        curve = [value for value in run.best if value is not None]
        assert curve == sorted(curve, reverse=True)
        assert len(run.best) == len(run.hypervolumes) == len(run.candidates)
        assert list(run.hypervolumes) == sorted(run.hypervolumes)
    assert runs[0].best[-1] == runs[0].result.best.metrics["epe"]


def test_the_best_so_far_keeps_the_budget_at_the_machines_level(tmp_path: Path) -> None:
    """A budget in percent moves with the level, and bounds with it."""
    toys = Toys(factors=(0.8,))
    plan = toys.plan(tmp_path / "run", latency="80%", level_check=True)
    result = conduct(plan, toys.accuracy, toys.stopwatch, Notes())
    assert result.best.upper_latency_ms > result.constraint.latency_ms
    (run,) = read_runs([tmp_path / "run"])
    assert run.best[-1] == result.best.metrics["epe"]
    assert run.row()["latencies"] == "measured"


def test_hypervolumes_share_one_box(runs: list[Compared]) -> None:
    points = [np.array([(c.latency_ms, c.metrics["epe"]) for c in run.candidates
                        if c.pairs is None]) for run in runs]
    corner = np.concatenate(points).max(axis=0)
    for run, own in zip(runs, points, strict=True):
        wanted = hypervolume(own, corner) / corner.prod()
        assert run.hypervolumes[-1] == pytest.approx(wanted)
        assert 0 < wanted < 1


def test_a_front_grows_as_if_it_were_made_at_once() -> None:
    rng = np.random.default_rng(0)
    points, corner = rng.uniform(0.1, 2.0, (60, 2)), (1.5, 1.7)
    front = GrowingFront(corner)
    for count in range(1, 61):
        share = front.add(tuple(points[count - 1]))
        assert share == pytest.approx(hypervolume(points[:count], np.array(corner)) / 2.55)


def test_the_page_needs_nothing_else_and_shows_every_run(runs: list[Compared]) -> None:
    import plotly.graph_objects as go

    page = without_plotly(render(runs))
    assert "{{" not in page
    assert "http" not in page.replace("http-equiv", "")
    figures = json.loads(page.split("const figures = ")[1].split(";\nfunction")[0])
    assert set(figures) == {"winners", "best", "hypervolume"}
    for figure in figures.values():
        go.Figure(figure)
        assert [line["name"] for line in figure["data"]] == [run.name for run in runs]
    for run in runs:
        assert run.name in page
        assert f"{run.result.constraint.latency_ms:.4f}" in page


def test_the_command_prints_lines_or_json_and_writes_the_page(
    folders: list[Path], tmp_path: Path
) -> None:
    done = call(*folders, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    head, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["a/run", "b/run", "b/halved"]
    assert all(len(row) == len(head) for row in rows)
    assert {"budget_ms", "measured_ms", "epe", "seed", "hypervolume"} <= set(head)
    assert (tmp_path / "comparison.html").stat().st_size > 1_000_000
    done = call(*folders, "--json", "--out", "pages/all.html", cwd=tmp_path)
    assert [row["run"] for row in json.loads(done.stdout)] == ["a/run", "b/run", "b/halved"]
    assert (tmp_path / "pages" / "all.html").exists()


@pytest.mark.parametrize("kind", ["foreign", "unfinished", "absent", "broken", "twice", "option"])
def test_what_cannot_be_compared_ends_in_one_line(
    folders: list[Path], tmp_path: Path, kind: str
) -> None:
    other = tmp_path / "other"
    arguments: list[object] = [folders[0], other]
    if kind == "foreign":
        other.mkdir()
        (other / "notes.txt").write_text("mine")
    elif kind in ("unfinished", "broken"):
        shutil.copytree(folders[0], other)
        if kind == "unfinished":
            (other / "result.json").unlink()
        else:
            text = (other / "journal.jsonl").read_text()
            (other / "journal.jsonl").write_text(text[: len(text) // 2])
    elif kind == "twice":
        arguments[1] = folders[0] / ".." / folders[0].name
    elif kind == "option":
        arguments = [folders[0], "--json"]
    before = sorted(tmp_path.rglob("*"))
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_runs_that_minimise_something_else_are_refused(
    folders: list[Path], tmp_path: Path
) -> None:
    other = shutil.copytree(folders[0], tmp_path / "other")
    path = other / "result.json"
    path.write_text(path.read_text().replace('"objective": "epe"', '"objective": "error"'))
    with pytest.raises(UserError, match="minimises error and"):
        read_runs([folders[0], other])
    path.write_text("{")
    with pytest.raises(CorruptFileError, match="result.json"):
        read_runs([folders[0], other])
