"""Work and traffic of each kind of operator, counted from its shapes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import cast

from luts._cost import Cost
from luts._executed_costs import EXECUTED_COSTS
from luts._general_costs import GENERAL_COSTS
from luts.errors import UnknownNameError
from luts.operator import Operator


def conv_output(size: int, kernel: int, stride: int, padding: int) -> int:
    """Output length of a convolution along one axis."""
    return (size + 2 * padding - kernel) // stride + 1


def _pair(op: Operator, name: str, default: tuple[int, int]) -> tuple[int, int]:
    """An attribute per axis (height, width); one number counts for both."""
    value = op.get(name, default)
    return cast(tuple[int, int], value) if isinstance(value, tuple) else (int(value), int(value))


def _conv(op: Operator) -> Cost:
    n, c, h, w = op.inputs[0]
    out = cast(int, op.get("out"))
    kh, kw = cast(tuple[int, int], op.get("kernel"))
    (sh, sw), groups = _pair(op, "stride", (1, 1)), cast(int, op.get("groups", 1))
    (dh, dw), (ph, pw) = _pair(op, "dilation", (1, 1)), _pair(op, "padding", (kh // 2, kw // 2))
    ho = conv_output(h, dh * (kh - 1) + 1, sh, ph)
    wo = conv_output(w, dw * (kw - 1) + 1, sw, pw)
    weights = out * (c // groups) * kh * kw
    bias = out if op.get("bias", 1) else 0
    result = n * out * ho * wo
    read = sum(prod(shape) for shape in op.inputs)
    return Cost(2 * n * ho * wo * weights + result, read + result + weights + bias,
                (n, out, ho, wo), weights + bias)


def _pool(op: Operator) -> Cost:
    n, c, h, w = op.inputs[0]
    stride = cast(int, op.get("stride"))
    kernel = cast(int, op.get("kernel", stride))
    out = (n, c, h // stride, w // stride)
    return Cost(prod(out) * kernel**2, prod(op.inputs[0]) + prod(out), out)


def _pointwise(flops_each: int) -> Callable[[Operator], Cost]:
    def cost(op: Operator) -> Cost:
        read = sum(prod(shape) for shape in op.inputs)
        out = op.inputs[0]
        return Cost(flops_each * prod(out), read + prod(out), out)

    return cost


def _concat(op: Operator) -> Cost:
    """Side by side along the channels, which ``out`` sums where they are not those of the first."""
    first = op.inputs[0]
    out = first
    if "out" in op.attribute_map:
        out = (first[0], cast(int, op.get("out")), *first[2:])
    return Cost(prod(out), sum(prod(shape) for shape in op.inputs) + prod(out), out)


def _correlation(op: Operator) -> Cost:
    n, c, h, w = op.inputs[0]
    pixels = h * w
    levels = cast(int, op.get("levels"))
    volume = sum(n * pixels * ((h >> i) * (w >> i)) for i in range(levels))
    return Cost(2 * n * c * pixels * pixels + volume, 2 * n * c * pixels + 2 * volume,
                (n, pixels, h, w))


def _lookup(op: Operator) -> Cost:
    n, _, h, w = op.inputs[0]
    window = 2 * cast(int, op.get("radius")) + 1
    values = n * h * w * cast(int, op.get("levels")) * window**2
    # Bilinear: four neighbours, but a window shares them: (2r+2)^2 reads for (2r+1)^2 results.
    return Cost(7 * values, 2 * values, (n, values // (n * h * w), h, w))


def _convex_upsample(op: Operator) -> Cost:
    n, _, h, w = op.inputs[0]
    factor = cast(int, op.get("factor"))
    out = (n, 2, h * factor, w * factor)
    mask = n * 9 * factor**2 * h * w
    return Cost(5 * mask + 2 * 9 * prod(out), mask + prod(out) + 2 * n * h * w, out)


def _conv_gru(op: Operator) -> Cost:
    (n, hidden, h, w), (_, motion, _, _) = op.inputs
    kh, kw = cast(tuple[int, int], op.get("kernel"))
    weights = 3 * hidden * (hidden + motion) * kh * kw
    state = n * hidden * h * w
    return Cost(2 * n * h * w * weights + 12 * state,
                6 * state + 2 * n * motion * h * w + weights, op.inputs[0], weights)


def _context(op: Operator) -> Cost:
    n, context, h, w = op.inputs[0]
    hidden = cast(int, op.get("hidden"))
    kernels = cast(tuple[int, ...], op.get("taps"))
    weights = sum(3 * hidden * context * taps + 3 * hidden for taps in kernels)
    out = (n, 3 * hidden * len(kernels), h, w)
    return Cost(2 * n * h * w * weights, 2 * prod(op.inputs[0]) + prod(out) + weights, out,
                weights)


def _split_attention(op: Operator) -> Cost:
    """Maps of equal shapes weighted and summed; the last input holds a logit a map and channel."""
    *maps, logits = op.inputs
    size = prod(maps[0])
    # Over several maps a softmax; of one alone a sigmoid, a transcendental function counted as 10.
    shares = (5 if len(maps) > 1 else 10) * prod(logits)
    return Cost((2 * len(maps) - 1) * size + shares, (len(maps) + 1) * size + prod(logits),
                maps[0])


_COSTS: dict[str, Callable[[Operator], Cost]] = {
    "conv": _conv,
    "avg_pool": _pool,
    "instance_norm": _pointwise(7),
    "add": _pointwise(1),
    "scale": _pointwise(2),
    "conv_gru": _conv_gru,
    "context": _context,
    "correlation": _correlation,
    "correlation_lookup": _lookup,
    "convex_upsample": _convex_upsample,
    "split_attention": _split_attention,
    "concat": _concat,
    "activation": _pointwise(1),
    **GENERAL_COSTS,
    **EXECUTED_COSTS,
    # As runtimes tell them apart.
    **dict.fromkeys(("pointwise_conv", "depthwise_conv", "grouped_conv", "stem_conv"), _conv),
}


def register_cost(kind: str, cost: Callable[[Operator], Cost]) -> None:
    """Adds a kind of operator; a kind can be added only once.

    Raises:
        ValueError: the kind exists already.
    """
    if kind in _COSTS:
        raise ValueError(f"operator kind '{kind}' is already registered")
    _COSTS[kind] = cost


def has_cost(kind: str) -> bool:
    """Whether a kind of operator has a rule of costs."""
    return kind in _COSTS


# A space's factors hold the same few hundred operators tens of thousands of times.
@lru_cache(maxsize=2**14)
def cost_of(op: Operator) -> Cost:
    """Work and traffic of an operator.

    Raises:
        UnknownNameError: no cost is registered for its kind.
    """
    if op.kind not in _COSTS:
        raise UnknownNameError("operator kind", op.kind, _COSTS)
    return _COSTS[op.kind](op)
