"""Benchmarks of precisions and loops: figures of every file, also where a runtime refuses one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import loop_form, precisions
from luts.errors import InferenceError
from luts.spaces import load_space
from tests.evolution.bundle.toy_bundle import make_real_run, make_run, toy_subject
from tests.supernet.test_tasks import image_note

pytest.importorskip("onnxruntime")


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latencies that are told, not measured."""
    monkeypatch.setattr(precisions, "_agreement", lambda *_: {"onnx": 0.0})
    monkeypatch.setattr("profiler.timing.measure_interleaved", lambda paths, **_: {
        name: type("Times", (), {"median_ms": 1.0 + number}) for number, name in enumerate(paths)})


def test_every_file_has_its_figures(
    tmp_path: Path, untimed: None, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("evolution.bundle.subject.load_subject", toy_subject)
    run = make_run(tmp_path / "run")
    precisions.main(run, seconds=0.1, parts=False, data=None, out=tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    rows = found["precisions"]
    assert list(rows) == ["fp32", "fp16", "int8"]  # the toy keeps no part exact
    for number, row in enumerate(rows.values()):
        assert row["onnxruntime_ms"] == 1.0 + number
        assert row["epe"] > 0 and row["mean_difference"] < 0.01
    shown = capsys.readouterr().out
    assert "quantised_convolutions" in shown and "\N{HORIZONTAL ELLIPSIS}" not in shown


def test_what_a_runtime_refuses_is_left_out(
    tmp_path: Path, untimed: None, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from profiler.runtimes.onnxruntime import OnnxRuntime

    usual = OnnxRuntime.open

    def refuse(self: OnnxRuntime, model: Path, **options: Any) -> Any:
        if model.name == "int8.onnx":
            raise InferenceError("onnxruntime cannot load it")
        return usual(self, model, **options)

    monkeypatch.setattr("evolution.bundle.subject.load_subject", toy_subject)
    monkeypatch.setattr(OnnxRuntime, "open", refuse)
    precisions.main(make_run(tmp_path / "run"), seconds=0.1, parts=False, data=None,
                    out=tmp_path / "out.json")
    rows = json.loads((tmp_path / "out.json").read_text())["precisions"]
    assert "onnxruntime_ms" in rows["fp16"] and "onnxruntime_ms" not in rows["int8"]
    assert "onnxruntime, int8: onnxruntime cannot load it" in capsys.readouterr().out


@pytest.mark.slow
def test_parts_are_quantised_alone(tmp_path: Path) -> None:
    recipe = "parsec-darts-small"
    run = make_real_run(tmp_path / "run", recipe, image_note(recipe))
    precisions.main(run, seconds=0.1, parts=True, data=None, out=tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    rows = found["precisions"]
    alone = {title: row for title, row in rows.items() if title.endswith(" alone")}
    assert {"int8 stem alone", "int8 cells.0 alone"} <= set(alone)
    assert sum(row["quantised_convolutions"] for row in alone.values()) == (
        rows["int8"]["quantised_convolutions"])
    assert all(0 < row["mean_difference"] < 1 for row in alone.values())
    assert found["agreement"]["onnx"] <= 1e-4 and found["agreement"]["torch"] == 0


def test_parts_are_named_by_place() -> None:
    assert precisions._part("layers.3.expand/Conv_17") == "layers.3"
    assert precisions._part("fnet.cells.0.1.project/Conv_2") == "fnet"
    assert precisions._part("stem/Conv_0") == "stem"


def test_a_form_is_compared_by_the_runtime_that_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from profiler.runtimes import load_runtime
    from tests.evolution.toys import write_flow_model

    path = tmp_path / "m.onnx"
    write_flow_model(path, 0.5, None)
    runtime, asked = load_runtime("onnxruntime"), []

    def predict_with(name: str, model: Path, threads: int) -> Any:
        asked.append((name, model))
        return lambda inputs: np.array([[2.0]])

    monkeypatch.setattr("evolution.bundle.here.predict_with", predict_with)
    row = loop_form._load(runtime, "loop", path, 1, {}, np.array([[1.0]]))
    assert asked == [("onnxruntime", path)]
    assert (row["form"], row["difference"]) == ("loop", 1.0)
    path.write_bytes(b"no model")
    assert loop_form._load(runtime, "loop", path, 1, {}, np.array([[1.0]])) == {}
    assert "onnxruntime, loop: " in capsys.readouterr().out


def test_only_flow_has_loops() -> None:
    names = loop_form._flow_recipes()
    assert "flownas-small" in names
    assert all(hasattr(load_space(name), "iterations") for name in names)
