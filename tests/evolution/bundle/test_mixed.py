"""Half precision where it is wanted, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from evolution.bundle.mixed import _bf16, halve
from luts.errors import UserError

ort = pytest.importorskip("onnxruntime")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(4, 4, 3, 3)).astype(np.float32)
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4, 8, 8))  # noqa: E731
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "body.a/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "body.a/Relu"),
        helper.make_node("Conv", ["b", "w"], ["c"], "exact/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c", "b"], ["d"], "exact/Add"),
        helper.make_node("Conv", ["d", "w"], ["e"], "body.b/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["e", "b"], ["y"], "body.b/Mul"),
    ]
    graph = helper.make_graph(nodes, "g", [value("x")], [value("y")],
                              [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
              tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def output(path: Path) -> Any:
    x = np.random.default_rng(1).normal(size=(1, 4, 8, 8)).astype(np.float32)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def types(path: Path) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    return {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_what_is_kept_stays_exact_from_node_to_node(model: Path, precision: str) -> None:
    path = model.with_name("half.onnx")
    changed = halve(model, path, precision, lambda name: name.startswith("exact"))
    assert changed == 3  # the last writes the model's output
    found, kind = types(path), {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}
    assert all(found[name] == kind[precision] for name in "abe")
    assert all(found[name] == TensorProto.FLOAT for name in "cd")
    casts = [node for node in onnx.load(path).graph.node if node.op_type == "Cast"]
    assert len(casts) == 4  # x and d down, b and e up, each once


def test_outputs_are_those_of_the_precision(model: Path) -> None:
    exact = output(model)
    for precision, bits in (("fp16", 11), ("bf16", 8)):
        path = model.with_name("rounded.onnx")
        halve(model, path, precision, lambda name: False, simulate=True)
        apart = np.abs(output(path) - exact).max() / np.abs(exact).max()
        assert 0 < apart < 8 * 2.0**-bits
    half = model.with_name("half.onnx")
    halve(model, half, "fp16", lambda name: False)
    assert 0 < np.abs(output(half) - exact).max() / np.abs(exact).max() < 8 * 2.0**-11


def test_bf16_rounds_to_nearest_even() -> None:
    values = np.array([[1.0, 1 + 2**-8, 1 + 3 * 2**-8, -3.1415927]], np.float32)
    bits, rounded = _bf16(values)
    assert rounded.tolist() == [[1.0, 1.0, 1 + 2**-6, -3.140625]]
    assert len(bits) == 8


def test_loops_are_refused(model: Path) -> None:
    read = onnx.load(model)
    read.graph.node[1].attribute.append(helper.make_attribute("body", read.graph))
    onnx.save(read, model.with_name("looped.onnx"))
    with pytest.raises((UserError, onnx.shape_inference.InferenceError)):
        halve(model.with_name("looped.onnx"), model.with_name("y.onnx"), "fp16", lambda name: False)
