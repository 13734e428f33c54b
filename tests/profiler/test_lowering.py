from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from luts.operator import Operator
from profiler._canonical import around, broadcast, moved, rows
from profiler.executed import ExecutedNode, executed_graph
from profiler.lowering import kind_name, lower_node


def _node(kind: str, *inputs: tuple[int, ...], out: tuple[int, ...], weights: int = 0,
          blocked: bool = False, **attributes: object) -> ExecutedNode:
    constant = tuple(place >= len(inputs) - weights for place in range(len(inputs)))
    return ExecutedNode("n", kind, blocked, inputs, constant, (out,), dict(attributes))


def test_axes_that_behave_alike_are_merged() -> None:
    assert broadcast((1, 672, 14, 14), (1, 672, 1, 1)) == ((672, 196), (672, 1))
    assert broadcast((2, 3, 4), (4,)) == ((6, 4), (1, 4))
    assert broadcast((5,), (5,)) == ((5,), (5,))
    assert broadcast((1, 1), ()) == ((1,), (1,))
    assert moved((1, 197, 3, 64), (0, 2, 1, 3)) == ((197, 3, 64), (1, 0, 2))
    assert moved((1, 56, 56, 96), (0, 3, 1, 2)) == ((3136, 96), (1, 0))
    assert moved((2, 3, 4), (0, 1, 2)) == ((24,), (0,))
    assert moved((1, 1), (1, 0)) == ((1,), (0,))
    assert around((1, 64, 7, 7), (2, 3)) == (64, 49, 1)
    assert around((8, 10), ()) == (1, 80, 1)
    assert rows((2, 197, 64)) == (394, 64)


@pytest.mark.parametrize(
    ("shape", "order"), [((2, 3, 4, 5), (0, 2, 1, 3)), ((4, 1, 6, 2), (3, 0, 1, 2)),
                         ((3, 4, 5), (2, 1, 0)), ((1, 5, 1, 7), (2, 3, 0, 1))])
def test_a_merged_transposition_moves_the_same_values(
    shape: tuple[int, ...], order: tuple[int, ...]
) -> None:
    values = np.arange(np.prod(shape))
    small, turned = moved(shape, order)
    wanted = values.reshape(shape).transpose(order).ravel()
    assert (values.reshape(small).transpose(turned).ravel() == wanted).all()


@pytest.mark.parametrize(
    ("node", "key"),
    [
        (_node("Conv", (1, 16, 9, 9), (32, 16, 3, 3), (32,), out=(1, 32, 5, 5), weights=2,
               blocked=True, strides=[2, 2], activation=b"Relu", group=1),
         "conv(1x16x9x9)[activation=relu,groups=1,kernel=3x3,layout=nchwc,out=32,stride=2]:fp32"),
        (_node("Conv", (1, 3, 8, 8), (4, 3, 2, 2), out=(1, 4, 4, 4), weights=1, strides=[2, 2]),
         "stem_conv(1x3x8x8)[groups=1,kernel=2x2,out=4,padding=0x0,stride=2]:fp32"),
        (_node("Conv", (1, 32, 8, 8), (32, 1, 3, 3), out=(1, 32, 8, 8), weights=1, group=32),
         "depthwise_conv(1x32x8x8)[groups=32,kernel=3x3,out=32,stride=1]:fp32"),
        (_node("Conv", (1, 32, 8, 8), (8, 32, 1, 1), out=(1, 8, 8, 8), weights=1),
         "pointwise_conv(1x32x8x8)[groups=1,kernel=1x1,out=8,stride=1]:fp32"),
        (_node("Softmax", (1, 9, 4, 4), out=(1, 9, 4, 4), axis=1),
         "softmax_across(1x9x16)[]:fp32"),
        (_node("Softmax", (1, 3, 9, 9), out=(1, 3, 9, 9), axis=-1), "softmax(27x9)[]:fp32"),
        (_node("Gemm", (1, 64), (10, 64), (10,), out=(1, 10), weights=2, transB=1),
         "linear(1x64)[out=10]:fp32"),
        (_node("MatMul", (1, 50, 64), (64, 32), out=(1, 50, 32), weights=1),
         "linear(50x64)[out=32]:fp32"),
        (_node("FusedMatMul", (1, 6, 50, 64), (1, 6, 50, 64), out=(1, 6, 50, 50), transB=1),
         "matmul(6x50x64,6x64x50)[transposed=1]:fp32"),
        (_node("MaxPool", (1, 8, 8, 8), out=(1, 8, 4, 4), kernel_shape=[2, 2], strides=[2, 2]),
         "max_pool(1x8x8x8)[kernel=2,stride=2,to=1x8x4x4]:fp32"),
        (_node("ReduceMean", (1, 8, 7, 7), out=(1, 8, 1, 1)), "reduce_mean(8x49x1)[]:fp32"),
        (_node("Mul", (1, 8, 1, 1), (1, 8, 7, 7), out=(1, 8, 7, 7)), "mul(8x49,8x1)[]:fp32"),
        (_node("Add", (1, 8, 7, 7), (), out=(1, 8, 7, 7)), "add(392)[]:fp32"),
        (_node("Concat", (1, 8, 7, 7), (1, 2, 7, 7), out=(1, 10, 7, 7), axis=1),
         "join(1x392,1x98)[to=1x490]:fp32"),
        (_node("Reshape", (1, 8, 7, 7), (2,), out=(1, 392), weights=1), "view(392)[]:fp32"),
        (_node("LayerNormalization", (1, 50, 64), out=(1, 50, 64), axis=-1),
         "layer_norm(50x64)[]:fp32"),
        (_node("LSTM", (50, 1, 64), (1, 512, 64), (1, 512, 128), out=(50, 1, 1, 128), weights=2),
         "lstm(50x1x64)[to=50x1x1x128,weights=98304]:fp32"),
        (_node("NonMaxSuppression", (1, 9, 4), (1, 1, 9), out=(7, 3)),
         "non_max_suppression(1x9x4,1x1x9)[to=7x3]:fp32"),
    ],
)
def test_every_node_has_an_operator(node: ExecutedNode, key: str) -> None:
    assert lower_node(node).key == key
    assert Operator.parse(key) == lower_node(node)


def test_padding_is_what_gives_the_result() -> None:
    for size, kernel, stride, padding, dilation in ((9, 3, 1, 0, 1), (16, 4, 4, 0, 1),
                                                    (15, 7, 2, 3, 1), (20, 3, 1, 4, 4)):
        reach = dilation * (kernel - 1) + 1
        out = (size + 2 * padding - reach) // stride + 1
        operator = lower_node(_node(
            "Conv", (1, 8, size, size), (8, 8, kernel, kernel), out=(1, 8, out, out), weights=1,
            strides=[stride] * 2, dilations=[dilation] * 2))
        assert operator.flops == 2 * out * out * 8 * 8 * kernel**2 + 8 * out * out


def test_kinds_are_named_in_words() -> None:
    assert kind_name("QuickGelu") == "quick_gelu"
    assert kind_name("LayerNormalization") == "layer_norm"
    assert kind_name("ReduceL2") == "reduce_l2"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Convolution, activation, mean, product; and a function that the runtime unfolds."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.standard_normal((8, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(rng.standard_normal((8, 5)).astype(np.float32), "v"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="c", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], name="r"),
        helper.make_node("GlobalAveragePool", ["b"], ["m"], name="m"),
        helper.make_node("Flatten", ["m"], ["f"], name="f"),
        helper.make_node("MatMul", ["f", "v"], ["p"], name="p"),
        helper.make_node("HardSwish", ["p"], ["y"], name="h"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights)
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9),
              path)
    return path


def test_shapes_of_everything_that_is_executed(model: Path) -> None:
    nodes = executed_graph(model)
    assert all(node.outputs and node.name for node in nodes)
    operators = {operator.kind: operator for operator in map(lower_node, nodes)}
    conv = operators["stem_conv"]
    assert conv.inputs[0] == (1, 3, 12, 12)
    assert conv.get("out") in (8, 16)  # whole blocks of channels
    assert conv.get("activation") == "relu"
    assert operators["linear"].inputs == ((1, 8),)
    assert operators["linear"].get("out") == 5
    assert operators["hard_sigmoid"].inputs == operators["mul"].inputs[:1] == ((5,),)
    assert [node.name for node in executed_graph(model)] == [node.name for node in nodes]
