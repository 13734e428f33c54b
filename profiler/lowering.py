"""From a step that a runtime executes to the Operator under which its latency is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

from luts.operator import AttributeValue, Operator
from profiler._canonical import Shape, around, broadcast, flat, moved, rows
from profiler.executed import ExecutedNode

Attributes = dict[str, AttributeValue]

_VIEWS = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
_UNARY = ("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Clip", "Sigmoid", "Tanh",
          "HardSigmoid", "HardSwish", "Gelu", "FastGelu", "QuickGelu", "Softplus", "Softsign",
          "Mish", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Neg", "Abs", "Sin", "Cos", "Floor",
          "Round", "Not", "ThresholdedRelu", "Cast", "BiasGelu")
_BINARY = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Equal", "Less", "Greater", "And",
           "Or", "Where", "Mod")
_REDUCTIONS = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2",
               "GlobalAveragePool", "GlobalMaxPool", "ArgMax", "ArgMin", "CumSum")
_ROWS = ("LayerNormalization", "SimplifiedLayerNormalization", "RMSNormalization",
         "SkipLayerNormalization")
_LINES = ("Softmax", "LogSoftmax", "LpNormalization")
_COPIES = ("Slice", "Gather", "Tile", "Expand", "Pad", "DepthToSpace", "SpaceToDepth", "GatherND",
           "GatherElements", "ConstantOfShape", "Range", "OneHot")
_FEW_CHANNELS = 16
# Names under which other parts of the package know these kinds.
_NAMES = {"LayerNormalization": "layer_norm", "InstanceNormalization": "instance_norm",
          "GroupNormalization": "group_norm", "BatchNormalization": "batch_norm",
          "SkipLayerNormalization": "skip_layer_norm"}


def lower_node(node: ExecutedNode, dtype: str = "fp32") -> Operator:
    """The Operator of an executed node; any type of node has one.

    Shapes are canonical (axes of length 1 left out, axes merged that behave alike), so that equal
    work has one key. A result that cannot be told from the inputs is the attribute ``to``.

    Args:
        node: what is executed.
        dtype: arithmetic precision.
    """
    rule = _RULES.get(node.kind, _other)
    kind, inputs, attributes = rule(node)
    if node.blocked:
        attributes["layout"] = "nchwc"
    return Operator.make(kind, *inputs, dtype=dtype, **attributes)


Lowered = tuple[str, tuple[Shape, ...], Attributes]


def kind_name(kind: str) -> str:
    """An ONNX operator type as a kind: ``ReduceMean`` is ``reduce_mean``."""
    return _NAMES.get(kind) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()


def _result(node: ExecutedNode) -> Shape:
    return node.outputs[0] if node.outputs else ()


def _word(value: Any) -> str:
    text = value.decode() if isinstance(value, bytes) else str(value)
    return re.sub(r"\W", "", text).lower()


def _pair(node: ExecutedNode, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(v) for v in node.attributes.get(name, default))


def _one(pair: tuple[int, ...]) -> AttributeValue:
    return pair[0] if len(set(pair)) == 1 else pair


def _activation(node: ExecutedNode) -> Attributes:
    named = node.attributes.get("activation")
    return {"activation": _word(named)} if named else {}


def _conv(node: ExecutedNode) -> Lowered:
    x, weight = node.shape(0), node.shape(1)
    if len(x) == 3:  # along one axis: an image of height 1
        x, weight = (*x[:2], 1, x[2]), (*weight[:2], 1, *weight[2:])
    if len(x) != 4 or len(weight) != 4:
        return _other(node)
    kernel = weight[2:]
    stride = _pair(node, "strides", (1, 1))
    stride = stride if len(stride) == 2 else (1, *stride)
    dilation = _pair(node, "dilations", (1, 1))
    dilation = dilation if len(dilation) == 2 else (1, *dilation)
    out = weight[0] if node.kind != "ConvTranspose" else weight[1]
    groups = int(node.attributes.get("group", 1))
    attributes: Attributes = {"out": out, "kernel": kernel, "stride": _one(stride),
                              "groups": groups, **_activation(node)}
    size = _result(node)[2:]
    size = size if len(size) == 2 else (1, *size)
    if set(dilation) != {1}:
        attributes["dilation"] = _one(dilation)
    if node.kind == "ConvTranspose":
        attributes["padding"] = max(0, ((x[2] - 1) * stride[0] + kernel[0] - size[0]) // 2)
        return "conv_transpose", (x,), {**attributes, "out": out * groups}
    padding = tuple(
        max(0, -((n - d * (k - 1) - 1 - (o - 1) * s) // 2))
        for n, o, k, s, d in zip(x[2:], size, kernel, stride, dilation, strict=False)
    )
    if padding != tuple(k // 2 for k in kernel):
        attributes["padding"] = padding
    # A sum that the runtime merged into the convolution is read as well.
    added = (node.shape(3),) if len(node.inputs) > 3 and node.shape(3) else ()
    return _conv_kind(x[1], groups, kernel), (x, *added), attributes


def _conv_kind(channels: int, groups: int, kernel: Shape) -> str:
    """Convolutions that take other kernels of the runtime; each is a kind with a model of its own.

    Of the first layer's few channels the runtime makes no blocks.
    """
    if groups > 1:
        return "depthwise_conv" if groups == channels else "grouped_conv"
    if channels < _FEW_CHANNELS:
        return "stem_conv"
    return "pointwise_conv" if set(kernel) == {1} else "conv"


def _matmul(node: ExecutedNode) -> Lowered:
    a, b, result = node.shape(0), node.shape(1), _result(node)
    if len(a) < 2 or len(b) < 2 or len(result) < 1:
        return _other(node)
    first = bool(node.attributes.get("transA", 0))
    depth = a[-2] if first else a[-1]
    if len(b) == 2 and node.constant[1]:
        columns = result[-1]
        return "linear", ((prod(result) // columns, depth),), {"out": columns, **_activation(node)}
    m, n = (result[-2], result[-1]) if len(result) > 1 else (1, result[-1])
    batch = max(1, prod(result) // (m * n))
    attributes: Attributes = {}
    if node.attributes.get("transB", 0):
        attributes["transposed"] = 1
    return "matmul", ((batch, m, depth), (batch, depth, n)), attributes


def _pool(node: ExecutedNode) -> Lowered:
    x = node.shape(0)
    kernel = _pair(node, "kernel_shape", (1, 1))
    stride = _pair(node, "strides", (1,) * len(kernel))
    return kind_name(node.kind), (x,), {"kernel": _one(kernel), "stride": _one(stride),
                                        "to": _result(node)}


def _view(node: ExecutedNode) -> Lowered:
    return "view", (flat(_result(node)),), {}


def _unary(node: ExecutedNode) -> Lowered:
    return kind_name(node.kind), (flat(_result(node)),), {}


def _binary(node: ExecutedNode) -> Lowered:
    a, b = broadcast(node.shape(0), node.shape(1))
    if len(node.inputs) > 2 or prod(b) == 1:
        return kind_name(node.kind), (flat(_result(node)),), {}
    if prod(a) < prod(b):  # the larger first: addition and multiplication do not mind
        a, b = b, a
    return kind_name(node.kind), (a, b), {}


def _reduction(node: ExecutedNode) -> Lowered:
    x, result = node.shape(0), _result(node)
    if node.kind.startswith("Global"):
        axes = list(range(2, len(x)))
    elif len(result) == len(x):
        axes = [axis for axis, size in enumerate(result) if size != x[axis]]
    else:
        axes = [axis for axis in node.attributes.get("axes", ())] or [-1]
    return kind_name(node.kind), (around(x, axes or [-1]),), {}


def _rows(node: ExecutedNode) -> Lowered:
    x, axis = node.shape(0), int(node.attributes.get("axis", -1))
    return kind_name(node.kind), (rows(x, axis),), {}


def _lines(node: ExecutedNode) -> Lowered:
    """Along one axis; one that is not the last is brought there and back, which costs more."""
    before, along, after = around(node.shape(0), [int(node.attributes.get("axis", -1))])
    if after > 1:
        return f"{kind_name(node.kind)}_across", ((before, along, after),), {}
    return kind_name(node.kind), ((before, along),), {}


def _transpose(node: ExecutedNode) -> Lowered:
    x = node.shape(0)
    order = _pair(node, "perm", tuple(reversed(range(len(x)))))
    shape, order = moved(x, order)
    # Values that stay together are copied at once; a single axis is copied as a whole.
    block = shape[-1] if order[-1] == len(shape) - 1 else 1
    return "transpose", (shape,), {"block": block, "order": order}


def _join(node: ExecutedNode) -> Lowered:
    axis = int(node.attributes.get("axis", 1))
    parts = tuple(rows(shape, axis) for shape in node.inputs if shape)
    return "join", parts, {"to": (parts[0][0], sum(part[1] for part in parts))} if parts else {}


def _split(node: ExecutedNode) -> Lowered:
    return "split", (rows(node.shape(0), int(node.attributes.get("axis", 0))),), {
        "parts": len(node.outputs)}


def _copy(node: ExecutedNode) -> Lowered:
    return kind_name(node.kind), (flat(_result(node)),), {}


def _reorder(node: ExecutedNode) -> Lowered:
    # Both layouts hold the same pixels; the one without blocks may have its channels last.
    return kind_name(node.kind), (_result(node),), {
        "last": int(node.attributes.get("channels_last", 0))}


def _resize(node: ExecutedNode) -> Lowered:
    if len(_result(node)) != 4:
        return _other(node)
    return "resize", (node.shape(0),), {"mode": _word(node.attributes.get("mode", "nearest")),
                                        "shape": _result(node)[2:]}


def _norm(node: ExecutedNode) -> Lowered:
    return kind_name(node.kind), (node.shape(0),), {}


def _other(node: ExecutedNode) -> Lowered:
    """A kind without a rule: the shapes of its activations, and of its result."""
    read = tuple(shape for shape, weight in zip(node.inputs, node.constant, strict=True)
                 if shape and not weight)
    result = _result(node)
    attributes: Attributes = {"to": result} if result and result != (read or ((),))[0] else {}
    return kind_name(node.kind), read, attributes


_RULES: dict[str, Callable[[ExecutedNode], Lowered]] = {
    **dict.fromkeys(("Conv", "FusedConv", "ConvTranspose"), _conv),
    **dict.fromkeys(("Gemm", "FusedGemm", "MatMul", "FusedMatMul"), _matmul),
    **dict.fromkeys(("MaxPool", "AveragePool"), _pool),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("ReorderInput", "ReorderOutput"), _reorder),
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization", "BatchNormalization"), _norm),
    **dict.fromkeys(_VIEWS, _view), **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary), **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(_ROWS, _rows), **dict.fromkeys(_LINES, _lines), **dict.fromkeys(_COPIES, _copy),
    "Transpose": _transpose, "Concat": _join, "Split": _split,
}
