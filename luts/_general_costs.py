"""Work and traffic of the kinds of operators that models from outside are made of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from math import prod
from typing import cast

from luts._cost import Cost
from luts._executed_costs import window_pool
from luts.errors import UserError
from luts.operator import Operator


def _linear(op: Operator) -> Cost:
    """``y = x W + b`` over the last axis: ``(..., in) -> (..., out)``."""
    *batch, length = op.inputs[0]
    out = cast(int, op.get("out"))
    rows = prod(batch)
    bias = out if op.get("bias", 1) else 0
    weights = length * out + bias
    # A multiply-add counts as 2; the bias adds one more.
    return Cost(2 * rows * length * out + (rows * out if bias else 0),
                rows * (length + out) + weights, (*batch, out), weights)


def _matmul(op: Operator) -> Cost:
    """Two activations: ``(..., m, k) x (..., k, n) -> (..., m, n)``, batch axes broadcast."""
    left, right = op.inputs
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-2]:
        raise UserError(f"operator {op.key} multiplies shapes that do not fit (k of m x k, k x n)")
    axes = zip_longest(left[-3::-1], right[-3::-1], fillvalue=1)
    batch = tuple(max(sizes) for sizes in axes)[::-1]
    out = (*batch, left[-2], right[-1])
    return Cost(2 * prod(out) * left[-1], prod(left) + prod(right) + prod(out), out)


def _elementwise(op: Operator) -> Cost:
    """One result per element of the (broadcast) inputs; ``fn`` names the function."""
    out = max(op.inputs, key=prod)
    return Cost(prod(out) * max(1, len(op.inputs) - 1),
                sum(prod(shape) for shape in op.inputs) + prod(out), out)


def _per_element(flops_each: int, *, parameters: int = 0) -> Callable[[Operator], Cost]:
    """Reads all, writes as many; ``parameters`` per channel (axis 1) or per last axis."""

    def cost(op: Operator) -> Cost:
        shape = op.inputs[0]
        axis = shape[1] if op.kind == "batch_norm" and len(shape) > 1 else shape[-1]
        weights = parameters * axis
        return Cost(flops_each * prod(shape), 2 * prod(shape) + weights, shape, weights)

    return cost


def _window_pool(op: Operator) -> Cost:
    if "to" in op.attribute_map:  # as executed
        return window_pool(op)
    n, c, h, w = op.inputs[0]
    kernel, stride = cast(int, op.get("kernel")), cast(int, op.get("stride", 1))
    padding = cast(int, op.get("padding", 0))
    out = (n, c, (h + 2 * padding - kernel) // stride + 1, (w + 2 * padding - kernel) // stride + 1)
    return Cost(prod(out) * kernel**2, prod(op.inputs[0]) + prod(out), out)


def _global_pool(op: Operator) -> Cost:
    shape = op.inputs[0]
    out = (*shape[:2], *(1 for _ in shape[2:]))
    return Cost(prod(shape), prod(shape) + prod(out), out)


def _reduce(op: Operator) -> Cost:
    """Sums, means or maxima over the last ``axes`` axes."""
    shape = op.inputs[0]
    kept = shape[: len(shape) - cast(int, op.get("axes", 1))]
    return Cost(prod(shape), prod(shape) + prod(kept), kept or (1,))


def _copy(op: Operator) -> Cost:
    """Moves values without arithmetic: transpose, slice, pad, gather."""
    shape = op.inputs[0]
    sizes = cast(tuple[int, ...], op.get("shape", shape))
    return Cost(0, min(prod(shape), prod(sizes)) + prod(sizes), sizes)


def _resize(op: Operator) -> Cost:
    """Interpolates to ``shape``; bilinear blends 4 neighbours (8 operations), nearest copies."""
    size = cast(tuple[int, ...], op.get("shape"))
    out = (*op.inputs[0][:2], *size)
    each = 0 if op.get("mode", "linear") == "nearest" else 8
    return Cost(each * prod(out), prod(op.inputs[0]) + prod(out), out)


def _conv_transpose(op: Operator) -> Cost:
    n, c, h, w = op.inputs[0]
    kh, kw = cast(tuple[int, int], op.get("kernel"))
    stride, out = cast(int, op.get("stride", 1)), cast(int, op.get("out"))
    groups, padding = cast(int, op.get("groups", 1)), cast(int, op.get("padding", 0))
    ho, wo = (h - 1) * stride - 2 * padding + kh, (w - 1) * stride - 2 * padding + kw
    weights = c * (out // groups) * kh * kw
    bias = out if op.get("bias", 1) else 0
    result = n * out * ho * wo
    return Cost(2 * n * h * w * weights + result, n * c * h * w + result + weights + bias,
                (n, out, ho, wo), weights + bias)


GENERAL_COSTS: dict[str, Callable[[Operator], Cost]] = {
    "linear": _linear,
    "matmul": _matmul,
    "elementwise": _elementwise,
    # Maximum, difference, exponential, sum, quotient.
    "softmax": _per_element(5),
    # Mean, variance, difference, scale, and the affine pair.
    "layer_norm": _per_element(8, parameters=2),
    "batch_norm": _per_element(2, parameters=2),
    "max_pool": _window_pool,
    "global_avg_pool": _global_pool,
    "reduce": _reduce,
    "copy": _copy,
    "resize": _resize,
    "conv_transpose": _conv_transpose,
}
