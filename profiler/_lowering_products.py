"""Convolutions and products, as they are executed, as operators."""

from __future__ import annotations

from math import prod

from profiler._canonical import Shape
from profiler._lowering_basics import Attributes, Lowered, one, other, pair, result_of, word
from profiler.executed import ExecutedNode

# Of fewer channels the runtime makes no blocks.
_FEW_CHANNELS = 16


def _activation(node: ExecutedNode) -> Attributes:
    named = node.attributes.get("activation")
    return {"activation": word(named)} if named else {}


def conv(node: ExecutedNode) -> Lowered:
    x, weight = node.shape(0), node.shape(1)
    if len(x) == 3:  # along one axis: an image of height 1
        x, weight = (*x[:2], 1, x[2]), (*weight[:2], 1, *weight[2:])
    if len(x) != 4 or len(weight) != 4:
        return other(node)
    kernel = weight[2:]
    stride = pair(node, "strides", (1, 1))
    stride = stride if len(stride) == 2 else (1, *stride)
    dilation = pair(node, "dilations", (1, 1))
    dilation = dilation if len(dilation) == 2 else (1, *dilation)
    out = weight[0] if node.kind != "ConvTranspose" else weight[1]
    groups = int(node.attributes.get("group", 1))
    attributes: Attributes = {"out": out, "kernel": kernel, "stride": one(stride),
                              "groups": groups, **_activation(node)}
    size = result_of(node)[2:]
    size = size if len(size) == 2 else (1, *size)
    if set(dilation) != {1}:
        attributes["dilation"] = one(dilation)
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


def matmul(node: ExecutedNode) -> Lowered:
    a, b, result = node.shape(0), node.shape(1), result_of(node)
    if len(a) < 2 or len(b) < 2 or len(result) < 1:
        return other(node)
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
