from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from luts.errors import UserError
from profiler.executed import executed_graph
from profiler.reading import checked_model, parse_inputs


def save(path: Path, shape: list[int | str] | None, *, value: float = 1.0,
         location: str = "") -> Path:
    weight = numpy_helper.from_array(np.full((4, 3, 1, 1), value, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], name="c")], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if location:
        onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
        raw = path.read_bytes()
        assert raw.count(b"w.bin") == 1
        changed = onnx.load(path, load_external_data=False)
        for entry in changed.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        path.write_bytes(changed.SerializeToString())
    else:
        onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [("x", "NAME:SHAPE"), ("x:", "NAME:SHAPE"), ("x:1x", "NAME:SHAPE"), ("x:1xA", "NAME:SHAPE"),
     (":1x3", "NAME:SHAPE"), ("x:0x3", "at least 1"), ("x:-1x3", "NAME:SHAPE")])
def test_shapes_of_inputs_are_read_or_refused(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_inputs([text])
    with pytest.raises(UserError, match="given twice"):
        parse_inputs(["x:1", "x:2"])
    assert parse_inputs(["a:b:1x3x8x8", "s:7"]) == {"a:b": (1, 3, 8, 8), "s": (7,)}


def test_free_axes_are_asked_for_and_fixed(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", ["batch", 3, "height", "width"])
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"x:batchx3xheightxwidth; .* --input x:1x3x224x224"):
        checked_model(path, {}, tmp_path)
    found = checked_model(path, {"x": (1, 3, 8, 6)}, tmp_path)
    assert executed_graph(found.path)[-1].outputs == ((1, 4, 8, 6),)
    assert path.read_bytes() == before


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", ["batch", 3, 8, 8])
    for shape in ((1, 4, 8, 8), (1, 3, 8), (1, 3, 8, 9)):
        with pytest.raises(UserError, match="does not fit x:batchx3x8x8"):
            checked_model(path, {"x": shape}, tmp_path)
    with pytest.raises(UserError, match="no such input; it has: x:batchx3x8x8"):
        checked_model(path, {"z": (1, 3, 8, 8)}, tmp_path)
    fixed = save(tmp_path / "f.onnx", [1, 3, 8, 8])
    assert checked_model(fixed, {"x": (1, 3, 8, 8)}, tmp_path).path == fixed


def test_an_input_without_any_shape(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", None)
    with pytest.raises(UserError, match="free axes"):
        checked_model(path, {}, tmp_path)
    found = checked_model(path, {"x": (1, 3, 4, 4)}, tmp_path)
    assert executed_graph(found.path)[-1].outputs == ((1, 4, 4, 4),)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x09"])
def test_files_that_are_no_models(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"m\.onnx"):
        checked_model(path, {}, tmp_path)
    with pytest.raises(UserError, match="no model file"):
        checked_model(tmp_path / "none.onnx", {}, tmp_path)


def test_half_a_file(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [1, 3, 8, 8])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"m\.onnx"):
        executed_graph(checked_model(path, {}, tmp_path).path)


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [1, 3, 8, 8], value=float("nan"))
    with pytest.raises(UserError, match="weight 'w' of .* holds NaN"):
        checked_model(path, {}, tmp_path)
    # A mask of minus infinity is a usual constant.
    infinite = save(tmp_path / "i.onnx", [1, 3, 8, 8], value=float("-inf"))
    assert checked_model(infinite, {}, tmp_path).path == infinite


def test_weights_in_files_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"\0" * 64)
    for location in ("../secret.bin", str(tmp_path / "secret.bin")):
        path = save(folder / "m.onnx", [1, 3, 8, 8], location=location)
        with pytest.raises(UserError, match="outside the model's folder"):
            checked_model(path, {}, tmp_path)
    path = save(folder / "m.onnx", [1, 3, 8, 8], location="gone.bin")
    with pytest.raises(UserError, match="missing from"):
        checked_model(path, {}, tmp_path)
    beside = save(folder / "m.onnx", ["n", 3, 8, 8], location="w.bin")
    found = checked_model(beside, {"x": (2, 3, 8, 8)}, tmp_path)
    assert executed_graph(found.path)[-1].outputs == ((2, 4, 8, 8),)
