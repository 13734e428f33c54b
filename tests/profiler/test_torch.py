from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from luts.errors import InferenceError, UserError
from luts.operator import PlacedOperator
from profiler.attribution import owners
from profiler.runtimes import Runtime, load_runtime
from profiler.runtimes._model import random_inputs, read_onnx
from profiler.runtimes._torch_mode import Mode
from profiler.runtimes._torch_program import Program
from profiler.runtimes._torch_times import kernels_by_mark
from tests.conformance.runtime import RuntimeConformance
from tests.fakes import _conv, write_chain, write_nodes


class TestTorch(RuntimeConformance):
    @pytest.fixture
    def runtime(self) -> Runtime:
        return load_runtime("torch")


def test_node_times_belong_to_operators(tmp_path: Path) -> None:
    placed = [PlacedOperator("a", _conv(3, 16, 3)), PlacedOperator("loop.b", _conv(16, 16, 3), 3)]
    write_chain(placed, tmp_path / "m.onnx")
    session = load_runtime("torch").open(tmp_path / "m.onnx", profile=True)
    times, graph = session.node_times(3), session.graph()
    session.close()
    owner = owners(graph, {"a", "loop.b"})
    assert sorted(times.by_node_ms) == sorted(owner)
    assert [owner[node.name] for node in graph] == ["a"] * 2 + ["loop.b"] * 6
    assert times.runs == 2


def test_threads_and_gradients_of_the_process_stay_as_they_were(tmp_path: Path) -> None:
    write_chain([PlacedOperator("a", _conv(3, 16, 3))], tmp_path / "m.onnx")
    before = torch.get_num_threads()
    session = load_runtime("torch").open(tmp_path / "m.onnx", threads=before + 1)
    session.run()
    session.close()
    assert torch.get_num_threads() == before
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("wanted", [True, False])
def test_tf32_is_allowed_while_a_session_works_and_only_then(wanted: bool) -> None:
    """The flags can be set without a GPU."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    with Mode("cuda", None, tf32=wanted, threads=1).active():
        assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == (wanted, wanted, True)
    assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == before


def test_bf16_computes_in_bf16(tmp_path: Path) -> None:
    write_chain([PlacedOperator("a", _conv(3, 16, 3))], tmp_path / "m.onnx")
    for precision, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        session: Any = load_runtime("torch").open(tmp_path / "m.onnx", precision=precision)
        with session._mode.active():
            (result,) = session._program.run()
        session.close()
        assert result.dtype == dtype


def test_precisions_of_gpus_are_refused_on_the_cpu(tmp_path: Path) -> None:
    for precision in ("tf32", "fp16", "int8"):
        with pytest.raises(UserError, match=f"'{precision}'.*runs fp32, bf16"):
            load_runtime("torch", precision)


def test_absent_gpu_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UserError, match="'cuda:0' cannot be reached"):
        load_runtime("torch", device="cuda:0")


def test_unknown_operators_are_named_on_one_line(tmp_path: Path) -> None:
    nodes = [helper.make_node("Twiddle", ["x"], ["z"]),
             helper.make_node("Frobnicate", ["z"], ["y"])]
    write_nodes(nodes, [], tmp_path / "odd.onnx", [1, 3])
    with pytest.raises(InferenceError, match=r"odd.onnx' \(unsupported operators: F\w+, Twid"):
        load_runtime("torch").open(tmp_path / "odd.onnx")


def test_unknown_attribute_and_wrong_shapes_are_named(tmp_path: Path) -> None:
    write_nodes([helper.make_node("Softmax", ["x"], ["y"], name="a/Softmax", odd=3)], [],
         tmp_path / "odd.onnx", [1, 3])
    with pytest.raises(UserError, match="'a/Softmax': Softmax with odd"):
        load_runtime("torch").open(tmp_path / "odd.onnx")
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    write_nodes([helper.make_node("MatMul", ["x", "w"], ["y"], name="a/MatMul")], [weight],
         tmp_path / "wrong.onnx", [1, 3])
    with pytest.raises(UserError, match="'a/MatMul': MatMul fails in torch"):
        load_runtime("torch").open(tmp_path / "wrong.onnx")


def test_size_that_depends_on_data_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Cast", ["x"], ["n"], to=TensorProto.INT64),
             helper.make_node("ConstantOfShape", ["n"], ["y"], name="a/Fill")]
    write_nodes(nodes, [], tmp_path / "m.onnx", [2])
    with pytest.raises(UserError, match="'a/Fill': 'n' depends on data"):
        load_runtime("torch").open(tmp_path / "m.onnx")


def test_shape_arithmetic_is_settled_when_the_model_is_loaded(tmp_path: Path) -> None:
    two = numpy_helper.from_array(np.array([2]), "two")
    minus = numpy_helper.from_array(np.array([-1]), "minus")
    nodes = [helper.make_node("Shape", ["x"], ["s"]),
             helper.make_node("Gather", ["s", "two"], ["h"]),
             helper.make_node("Concat", ["h", "minus"], ["to"], axis=0),
             helper.make_node("Reshape", ["x", "to"], ["y"], name="a/Reshape")]
    write_nodes(nodes, [two, minus], tmp_path / "m.onnx", [1, 3, 4, 5])
    session = load_runtime("torch").open(tmp_path / "m.onnx", profile=True)
    assert [node.name for node in session.graph()] == ["a/Reshape"]
    session.close()


def const(name: str, values: Any, dtype: type = np.int64) -> Any:
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


CASES: dict[str, tuple[list[Any], list[Any], list[int]]] = {
    "strided grouped conv": (
        [helper.make_node("Conv", ["x", "w"], ["y"], group=2, strides=[2, 1], pads=[1, 0, 2, 1],
                          dilations=[1, 2])],
        [const("w", np.random.default_rng(0).normal(size=(6, 2, 3, 3)), np.float32)], [1, 4, 9, 8]),
    "average pool without padded zeros": (
        [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1] * 4,
                          strides=[2, 2])], [], [1, 3, 8, 9]),
    "max pool": (
        [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 3], pads=[0, 1, 1, 0])],
        [], [1, 3, 8, 9]),
    "slice backwards": (
        [helper.make_node("Slice", ["x", "s", "e", "a", "t"], ["y"])],
        [const("s", [-1, 1]), const("e", [-(2**62), 100]), const("a", [1, -1]),
         const("t", [-1, 2])], [1, 5, 6]),
    "pad some axes": (
        [helper.make_node("Pad", ["x", "p"], ["y"], mode="reflect")],
        [const("p", [0, 0, 1, 2, 0, 0, 2, 0])], [1, 2, 5, 5]),
    "pad with a value": (
        [helper.make_node("Pad", ["x", "p", "v"], ["y"])],
        [const("p", [0, 1, 0, 0, 0, 2]), const("v", 7, np.float32)], [1, 2, 5]),
    "reshape copies": (
        [helper.make_node("Reshape", ["x", "s"], ["y"])], [const("s", [0, -1, 2])], [3, 4, 5]),
    "gather a scalar": (
        [helper.make_node("Gather", ["x", "i"], ["y"], axis=1)], [const("i", 1)], [3, 4, 5]),
    "gather a list": (
        [helper.make_node("Gather", ["x", "i"], ["y"], axis=1)], [const("i", [2, -1])], [3, 4, 5]),
    "gemm": (
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"], alpha=0.5, beta=2.0, transB=1)],
        [const("w", np.arange(12).reshape(3, 4), np.float32), const("b", [1, 2, 3], np.float32)],
        [2, 4]),
    "flatten": ([helper.make_node("Flatten", ["x"], ["y"], axis=2)], [], [2, 3, 4, 5]),
    "unsqueeze": (
        [helper.make_node("Unsqueeze", ["x", "a"], ["y"])], [const("a", [0, -1])], [2, 3]),
    "expand": (
        [helper.make_node("Expand", ["x", "s"], ["y"])], [const("s", [4, 1, 3])], [2, 1]),
    "split": (
        [helper.make_node("Split", ["x", "s"], ["p", "q"], axis=1),
         helper.make_node("Concat", ["q", "p"], ["y"], axis=1)], [const("s", [1, 3])], [2, 4]),
    "sums": (
        [helper.make_node("ReduceSum", ["x", "a"], ["p"], keepdims=0),
         helper.make_node("ReduceMax", ["p"], ["y"], axes=[0])], [const("a", [1])], [2, 4, 3]),
    "clip and softmax": (
        [helper.make_node("Clip", ["x", "", "h"], ["p"]),
         helper.make_node("Softmax", ["p"], ["y"], axis=0)], [const("h", 0.5, np.float32)], [4, 3]),
}


@pytest.mark.parametrize("case", CASES)
def test_operators_agree_with_onnxruntime(case: str, tmp_path: Path) -> None:
    nodes, weights, shape = CASES[case]
    write_nodes(nodes, weights, tmp_path / "m.onnx", list(shape))
    model = read_onnx(tmp_path / "m.onnx", weights=True)
    feeds = random_inputs(model)
    (result,) = Program(model, feeds, torch.device("cpu")).run()
    (wanted,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, feeds)
    assert result.shape == wanted.shape
    np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_exported_flow_network_agrees_with_onnxruntime(tmp_path: Path) -> None:
    from luts.spaces import SPACES

    SPACES.get("flownas-small")().export_onnx(None, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    feeds = random_inputs(model)
    with torch.inference_mode():
        (result,) = Program(model, feeds, torch.device("cpu")).run()
    (wanted,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, feeds)
    assert np.abs(result.numpy() - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_kernels_are_summed_under_the_step_that_launched_them() -> None:
    def event(name: str, us: list[float], children: tuple[Any, ...] = ()) -> Any:
        kernels = [SimpleNamespace(name="k", duration=value) for value in us]
        return SimpleNamespace(name=name, kernels=kernels, cpu_children=list(children))

    launched = event("cudnn_convolution", [5.0, 2.0])
    conv = event("metronas:a/Conv", [], (event("aten::conv2d", [], (launched,)),))
    again = event("metronas:a/Conv", [1.0])
    again.kernels.append(SimpleNamespace(name="metronas:a/Conv", duration=99.0))
    view = event("metronas:a/Reshape", [])
    found = kernels_by_mark([conv, launched, again, view, event("aten::other", [50.0])])
    assert found == {"a/Conv": 8.0, "a/Reshape": 0.0}


def test_failure_of_a_run_is_one_line(tmp_path: Path) -> None:
    write_chain([PlacedOperator("a", _conv(3, 16, 3))], tmp_path / "m.onnx")
    session: Any = load_runtime("torch").open(tmp_path / "m.onnx")
    session._program.inputs["frame"] = torch.zeros(1, 5, 8, 8)
    with pytest.raises(InferenceError, match=r"torch cannot execute '.*m\.onnx' \("):
        session.run()
    session.close()
