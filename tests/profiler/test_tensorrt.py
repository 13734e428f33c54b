"""Engines are built ahead here, without a GPU; tests/gpu runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

from luts.errors import InferenceError, UserError
from luts.operator import PlacedOperator
from profiler.attribution import owners
from profiler.runtimes import RUNTIMES, load_runtime
from profiler.runtimes._trt_graph import executed_layers
from profiler.runtimes.tensorrt import TensorRt, tensorrt_rtx
from tests.fakes import _conv, write_chain, write_nodes

needs_rtx = pytest.mark.skipif(
    not tensorrt_rtx().available(), reason="the extra 'rtx' (tensorrt_rtx) is not installed"
)


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    placed = [PlacedOperator("a", _conv(3, 16, 3)), PlacedOperator("b", _conv(16, 16, 3))]
    write_chain(placed, tmp_path / "chain.onnx")
    return tmp_path / "chain.onnx"


def test_both_packages_are_registered_under_their_names() -> None:
    for name in ("tensorrt", "tensorrt_rtx"):
        runtime = RUNTIMES.get(name)()
        assert isinstance(runtime, TensorRt)
        assert runtime.name == name
        assert runtime.kinds == ("gpu",)


def test_absent_package_names_its_extra() -> None:
    absent = [name for name in ("tensorrt", "tensorrt_rtx") if not TensorRt(name).available()]
    if not absent:
        pytest.skip("both packages are installed")
    with pytest.raises(UserError, match=r"metronas\[(tensorrt|rtx)\]"):
        load_runtime(absent[0])


@needs_rtx
def test_builds_ahead_without_a_gpu(chain: Path, tmp_path: Path) -> None:
    built = tensorrt_rtx().build_ahead(chain, tmp_path / "chain.engine", "8.6")
    assert built.seconds > 0
    assert built.size_bytes == (tmp_path / "chain.engine").stat().st_size > 1000
    assert not list(tmp_path.glob("*.tmp"))


@needs_rtx
def test_builds_of_two_capabilities_differ(chain: Path, tmp_path: Path) -> None:
    for capability in ("8.6", "8.9"):
        tensorrt_rtx().build_ahead(chain, tmp_path / capability, capability)
    assert (tmp_path / "8.6").read_bytes() != (tmp_path / "8.9").read_bytes()


@needs_rtx
@pytest.mark.parametrize("capability", ["9.0", "SM86", "CURRENT", ""])
def test_unknown_capability_is_refused_with_the_known_ones(
    chain: Path, tmp_path: Path, capability: str
) -> None:
    with pytest.raises(UserError, match=rf"'{capability}'; known: 7\.5, 8\.0, 8\.6, 8\.9, 12\.0"):
        tensorrt_rtx().build_ahead(chain, tmp_path / "e", capability)
    assert not (tmp_path / "e").exists()


@needs_rtx
@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8"])
def test_precisions_that_the_model_must_bring_are_refused_by_name(
    chain: Path, tmp_path: Path, precision: str
) -> None:
    with pytest.raises(UserError, match=f"takes '{precision}' from the model.*runs fp32, tf32"):
        tensorrt_rtx().build_ahead(chain, tmp_path / "e", precision=precision)
    with pytest.raises(UserError, match=f"'{precision}'; it runs fp32, tf32"):
        load_runtime("tensorrt_rtx", precision)


@needs_rtx
def test_every_unsupported_operator_is_named_once_on_one_line(tmp_path: Path) -> None:
    nodes = [helper.make_node("Frobnicate", ["x"], ["p"], name="a/Frobnicate"),
             helper.make_node("Frobnicate", ["p"], ["q"], name="b/Frobnicate"),
             helper.make_node("Twiddle", ["q"], ["y"], name="c/Twiddle")]
    write_nodes(nodes, [], tmp_path / "odd.onnx", [1, 3])
    with pytest.raises(InferenceError) as caught:
        tensorrt_rtx().build_ahead(tmp_path / "odd.onnx", tmp_path / "e")
    told = str(caught.value)
    assert "unsupported operators: Frobnicate (a/Frobnicate), Twiddle (c/Twiddle)" in told
    assert "odd.onnx" in told
    assert "\n" not in told


@needs_rtx
def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    for name in ("broken.onnx", "absent.onnx"):
        with pytest.raises(UserError, match=name):
            tensorrt_rtx().build_ahead(tmp_path / name, tmp_path / "e")
    write_nodes([helper.make_node("Relu", ["x"], ["y"])], [], tmp_path / "free.onnx", ["N", 3])
    with pytest.raises(UserError, match="free dimension 'N'"):
        tensorrt_rtx().build_ahead(tmp_path / "free.onnx", tmp_path / "e")


@needs_rtx
def test_unwritable_engine_file_is_named(chain: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write .*chain.onnx/e"):
        tensorrt_rtx().build_ahead(chain, chain / "e")


@needs_rtx
def test_running_without_a_gpu_is_refused(chain: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UserError, match="device 'cuda:0' cannot be reached"):
        tensorrt_rtx().open(chain)
    with pytest.raises(UserError, match="does not serve 'cpu'"):
        load_runtime("tensorrt_rtx", device="cpu")


def test_layers_are_traced_to_exported_nodes() -> None:
    layers: list[Any] = [
        {"Name": "Reformatting CopyNode for Input Tensor 0 to a/Conv_0 + a/Relu_0",
         "LayerType": "Reformat", "Inputs": [{"Name": "x"}], "Outputs": [{"Name": "x2"}]},
        {"Name": "a/Conv_0 + a/Relu_0", "LayerType": "CaskConvolution",
         "Inputs": [{"Name": "x2"}], "Outputs": [{"Name": "p"}],
         "Metadata": "[ONNX Layer: a/Conv_0]\x1e[ONNX Layer: a/Relu_0]"},
        {"Name": "{ForeignNode[b/MatMul_1...b/Add_3]}", "LayerType": "Myelin",
         "Inputs": [{"Name": "p"}], "Outputs": [{"Name": "y"}], "Metadata": ""},
    ]
    graph = executed_layers(json.dumps({"Layers": layers}), timed=["c/Extra_9"])
    assert [node.origins for node in graph[1:]] == [
        ("a/Conv_0", "a/Relu_0"), ("b/MatMul_1", "b/Add_3"), ("c/Extra_9",),
    ]
    assert list(owners(graph, {"a", "b", "c"}).values()) == ["a", "a", "b", "c"]


def test_layers_of_an_engine_of_low_verbosity() -> None:
    graph = executed_layers(json.dumps({"Layers": ["a/Conv_0 + a/Relu_0"]}))
    assert graph[0].origins == ("a/Conv_0", "a/Relu_0")
