from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from luts.errors import InferenceError, UserError
from luts.operator import PlacedOperator
from profiler.attribution import attribute, owners
from profiler.runtimes import Runtime, load_runtime
from tests.conformance.runtime import RuntimeConformance
from tests.fakes import _conv, write_chain, write_nodes
from tests.profiler.examples import CHAIN, timed_chain

pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")


class TestOpenVino(RuntimeConformance):
    @pytest.fixture
    def runtime(self) -> Runtime:
        return load_runtime("openvino")


def test_bf16_runs_where_the_processor_has_it_and_is_refused_elsewhere(tmp_path: Path) -> None:
    write_chain([PlacedOperator("a", _conv(3, 16, 3))], tmp_path / "m.onnx")
    runtime = load_runtime("openvino")
    if "bf16" not in runtime.precisions:
        with pytest.raises(UserError, match="runs fp32, not 'bf16'"):
            runtime.open(tmp_path / "m.onnx", precision="bf16")
        return
    for precision, said in {"fp32": "f32", "bf16": "bf16"}.items():
        session: Any = runtime.open(tmp_path / "m.onnx", precision=precision)
        hint = session._compiled.get_property("INFERENCE_PRECISION_HINT")
        session.run()
        session.close()
        assert hint.get_type_name() == said


def test_options(tmp_path: Path) -> None:
    write_chain([PlacedOperator("a", _conv(3, 16, 3))], tmp_path / "m.onnx")
    runtime = load_runtime("openvino")
    session: Any = runtime.open(tmp_path / "m.onnx", threads=1)
    assert session._compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert session._compiled.get_property("NUM_STREAMS") == 1
    session.close()
    with pytest.raises(UserError, match="threads must be at least 1, got 0"):
        runtime.open(tmp_path / "m.onnx", threads=0)
    with pytest.raises(UserError, match="does not serve 'cuda:0'"):
        runtime.on("cuda:0")


def test_free_dimension_is_refused(tmp_path: Path) -> None:
    write_nodes([helper.make_node("Relu", ["x"], ["y"])], [], tmp_path / "free.onnx", ["N", 3])
    with pytest.raises(UserError, match="free dimension 'N'"):
        load_runtime("openvino").open(tmp_path / "free.onnx")


def test_unknown_operator_is_named(tmp_path: Path) -> None:
    node = helper.make_node("Frobnicate", ["x"], ["y"])
    write_nodes([node], [], tmp_path / "odd.onnx", [1, 3])
    with pytest.raises(InferenceError, match="Frobnicate"):
        load_runtime("openvino").open(tmp_path / "odd.onnx")


def test_times_belong_to_operators(tmp_path: Path) -> None:
    times, graph = timed_chain("openvino", tmp_path)
    owner = owners(graph, {"a", "loop.b"})
    assert {owner[name] for name in times.by_node_ms} == {"a", "loop.b"}
    convolutions = Counter(owner[node.name] for node in graph if node.kind == "Convolution")
    assert convolutions == {"a": 1, "loop.b": 3}
    shares = attribute(times, owner, CHAIN, whole_ms=times.whole_ms)
    total = shares.by_path_ms["a"] + 3 * shares.by_path_ms["loop.b"]
    assert total == pytest.approx(sum(times.by_node_ms.values()))


def test_nodes_whose_name_is_dropped_are_found_by_their_place(tmp_path: Path) -> None:
    """Scales are folded into convolutions under new names; normalisations lose theirs, too."""
    rng = np.random.default_rng(0)
    weights = [numpy_helper.from_array(rng.normal(size=(8, 3, 3, 3)).astype(np.float32), "w0"),
               numpy_helper.from_array(rng.normal(size=(8, 8, 3, 3)).astype(np.float32), "w1")]
    for name in ("scale", "shift", "mean", "var"):
        weights.append(numpy_helper.from_array(rng.random(8).astype(np.float32) + 1, name))
    ones = numpy_helper.from_array(np.ones(8, np.float32), "one")
    zeros = numpy_helper.from_array(np.zeros(8, np.float32), "zero")
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a0"], name="a/Conv", pads=[1] * 4),
        helper.make_node("BatchNormalization", ["a0", "scale", "shift", "mean", "var"], ["a1"],
                         name="a/BatchNormalization"),
        helper.make_node("Conv", ["a1", "w1"], ["b0"], name="b/Conv", pads=[1] * 4),
        helper.make_node("InstanceNormalization", ["b0", "one", "zero"], ["c0"],
                         name="c/InstanceNormalization"),
        helper.make_node("Add", ["c0", "a1"], ["y"], name="d/Add"),
    ]
    write_nodes(nodes, [*weights, ones, zeros], tmp_path / "m.onnx", [1, 3, 16, 16])
    session = load_runtime("openvino").open(tmp_path / "m.onnx", profile=True)
    graph = session.graph()
    session.close()
    owner = owners(graph, {"a", "b", "c", "d"})
    assert [owner[node.name] for node in graph if node.kind == "Convolution"] == ["a", "b"]
    assert [owner[node.name] for node in graph if node.kind == "MVN"] == ["c"]
    assert "a/BatchNormalization" not in {node.name for node in graph}
