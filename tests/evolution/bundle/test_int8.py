"""int8 where it is wanted, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from evolution.bundle.int8 import quantise
from evolution.bundle.subject import kept_by

ort = pytest.importorskip("onnxruntime")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    weights = [numpy_helper.from_array(rng.normal(size=(8, c, 3, 3)).astype(np.float32), name)
               for name, c in (("w1", 3), ("w2", 8))]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "fnet.stem/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "fnet.stem/Relu"),
        helper.make_node("Conv", ["b", "w2"], ["y"], "cnet.stem/Conv", pads=[1, 1, 1, 1]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 8, 8))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 8, 8, 8))
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
              tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def frames(seed: int) -> dict[str, Any]:
    return {"x": np.random.default_rng(seed).normal(size=(1, 3, 8, 8)).astype(np.float32)}


def output(path: Path, inputs: dict[str, Any]) -> Any:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, inputs)[0]


def test_outputs_are_near_and_what_is_kept_is_exact(model: Path) -> None:
    calibration, apart = [frames(seed) for seed in range(4)], {}
    for title, kept, expected in (("all", (), 2), ("some", ("fnet.*",), 1), ("none", ("*",), 0)):
        path = model.with_name(f"{title}.onnx")
        assert quantise(model, path, calibration, kept_by(kept)) == expected
        exact, found = output(model, frames(9)), output(path, frames(9))
        apart[title] = float(np.abs(found - exact).mean() / np.abs(exact).mean())
        zeros = [numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer
                 if w.name.endswith("zero_point")]
        assert all((zero == 0).all() for zero in zeros)
    assert apart["none"] < 1e-6 < apart["some"] < apart["all"] < 0.05


def test_parts_are_matched_by_path() -> None:
    keep = kept_by(("fnet.*", "head"))
    assert keep("fnet.stem/Conv_1")
    assert keep("head/Add_2")
    assert not keep("head.update.flow2/Conv_3")
    assert not keep("cnet.fnet/Conv")
