"""From a step that a runtime executes to the Operator under which its latency is known."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from luts.operator import Operator
from profiler._canonical import around, broadcast, flat, moved, rows
from profiler._lowering_basics import Lowered, kind_name, one, other, pair, result_of, word
from profiler._lowering_products import conv, matmul
from profiler.executed import ExecutedNode

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


def lower_node(node: ExecutedNode, dtype: str = "fp32") -> Operator:
    """The Operator of an executed node; any type of node has one.

    Shapes are canonical (axes of length 1 left out, axes merged that behave alike), so that equal
    work has one key. A result that cannot be told from the inputs is the attribute ``to``.

    Args:
        node: what is executed.
        dtype: arithmetic precision.
    """
    rule = _RULES.get(node.kind, other)
    kind, inputs, attributes = rule(node)
    if node.blocked:
        attributes["layout"] = "nchwc"
    return Operator.make(kind, *inputs, dtype=dtype, **attributes)


def _pool(node: ExecutedNode) -> Lowered:
    x = node.shape(0)
    kernel = pair(node, "kernel_shape", (1, 1))
    stride = pair(node, "strides", (1,) * len(kernel))
    return kind_name(node.kind), (x,), {"kernel": one(kernel), "stride": one(stride),
                                        "to": result_of(node)}


def _view(node: ExecutedNode) -> Lowered:
    return "view", (flat(result_of(node)),), {}


def _unary(node: ExecutedNode) -> Lowered:
    return kind_name(node.kind), (flat(result_of(node)),), {}


def _binary(node: ExecutedNode) -> Lowered:
    a, b = broadcast(node.shape(0), node.shape(1))
    if len(node.inputs) > 2 or prod(b) == 1:
        return kind_name(node.kind), (flat(result_of(node)),), {}
    if prod(a) < prod(b):  # the larger first: addition and multiplication do not mind
        a, b = b, a
    return kind_name(node.kind), (a, b), {}


def _reduction(node: ExecutedNode) -> Lowered:
    x, result = node.shape(0), result_of(node)
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
    order = pair(node, "perm", tuple(reversed(range(len(x)))))
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
    return kind_name(node.kind), (flat(result_of(node)),), {}


def _reorder(node: ExecutedNode) -> Lowered:
    # Both layouts hold the same pixels; the one without blocks may have its channels last.
    return kind_name(node.kind), (result_of(node),), {
        "last": int(node.attributes.get("channels_last", 0))}


def _resize(node: ExecutedNode) -> Lowered:
    if len(result_of(node)) != 4:
        return other(node)
    return "resize", (node.shape(0),), {"mode": word(node.attributes.get("mode", "nearest")),
                                        "shape": result_of(node)[2:]}


def _norm(node: ExecutedNode) -> Lowered:
    return kind_name(node.kind), (node.shape(0),), {}


_RULES: dict[str, Callable[[ExecutedNode], Lowered]] = {
    **dict.fromkeys(("Conv", "FusedConv", "ConvTranspose"), conv),
    **dict.fromkeys(("Gemm", "FusedGemm", "MatMul", "FusedMatMul"), matmul),
    **dict.fromkeys(("MaxPool", "AveragePool"), _pool),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("ReorderInput", "ReorderOutput"), _reorder),
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization", "BatchNormalization"), _norm),
    **dict.fromkeys(_VIEWS, _view), **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary), **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(_ROWS, _rows), **dict.fromkeys(_LINES, _lines), **dict.fromkeys(_COPIES, _copy),
    "Transpose": _transpose, "Concat": _join, "Split": _split,
}
