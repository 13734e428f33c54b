"""Engines built ahead for a GPU that is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolution.engines import (
    INSTALL,
    EngineResult,
    Engines,
    build_engines,
    header_capabilities,
    told,
)
from luts.errors import InferenceError
from luts.target import load_target
from profiler.runtimes.tensorrt import tensorrt_rtx
from tests.evolution.toys import Notes, write_flow_model

needs_rtx = pytest.mark.skipif(
    not tensorrt_rtx().available(), reason="the extra 'rtx' (tensorrt_rtx) is not installed"
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in ("best.onnx", "reference.onnx"):
        write_flow_model(tmp_path / name, 0.5, None)
    return tmp_path


def header(mask: int, size: int = 64) -> bytes:
    return b"vtrt" + bytes(12) + size.to_bytes(8, "little") + bytes((1, 7, 1)) + bytes(5) + bytes(
        (mask,)) + bytes(size - 33)


def test_the_header_tells_the_capability() -> None:
    assert header_capabilities(header(4)) == ("8.6",)
    assert header_capabilities(header(12)) == ("8.6", "8.9")
    for data, said in ((header(4)[:-1], "cut short: 63 of 64"), (b"PK" + header(4), "no engine"),
                       (header(64), "unknown capabilities"), (b"", "no engine")):
        with pytest.raises(InferenceError, match=said):
            header_capabilities(data)


def test_without_the_package_one_line_says_how_to_get_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profiler.runtimes.tensorrt.TensorRt.available", lambda self: False)
    notes = Notes()
    engines = build_engines(run, "rtx3090", notes)
    assert engines.built == ()
    assert INSTALL in engines.reason
    assert notes.lines == [engines.reason]
    assert Engines.model_validate(engines.model_dump()) == engines


def test_the_report_tells_of_engines() -> None:
    engine = EngineResult(file="best.engine", compute_capability="8.6", runtime="r", seconds=1.0,
                          size_bytes=5, parsed_back="header read")
    assert told(None) == ""
    assert told(Engines(built=(engine,))).endswith("ahead: best.engine (header read)")
    assert told(Engines(reason="no engine was built: why")).endswith("no engine was built: why")


def test_targets_without_it_say_so(run: Path) -> None:
    for target in ("cpu", "h200"):
        assert "not served" in build_engines(run, target, Notes()).reason


@needs_rtx
def test_winner_and_reference_are_built_and_read_back(run: Path) -> None:
    engines = build_engines(run, "rtx3090", Notes())
    assert engines.reason == ""
    assert [engine.file for engine in engines.built] == ["best.engine", "reference.engine"]
    for engine in engines.built:
        data = (run / engine.file).read_bytes()
        assert engine.size_bytes == len(data)
        assert engine.compute_capability == "8.6"
        assert "8.6" in engine.parsed_back


@needs_rtx
@pytest.mark.parametrize("capability", ["7.5", "8.0", "8.6", "8.9", "12.0", "12.1"])
def test_the_header_of_every_capability_is_known(run: Path, capability: str) -> None:
    tensorrt_rtx().build_ahead(run / "best.onnx", run / "e", capability)
    assert header_capabilities((run / "e").read_bytes()) == (capability,)


@needs_rtx
def test_a_capability_that_is_not_built_for_does_not_end_the_run(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hopper = load_target("rtx3090").model_copy(update={"compute_capability": "9.0"})
    monkeypatch.setattr("evolution.engines.load_target", lambda name: hopper)
    engines = build_engines(run, "rtx3090", Notes())
    assert engines.built == ()
    assert "no engine was built: tensorrt_rtx does not build ahead" in engines.reason
    assert not list(run.glob("*.engine"))
