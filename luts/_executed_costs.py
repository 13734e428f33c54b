"""Work and traffic of the small steps that runtimes execute between the large ones."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import cast

from luts._cost import Cost
from luts.operator import Operator

# Operations per element, counted roughly: a transcendental function as 10.
_UNARY = {
    1: ("relu", "leaky_relu", "prelu", "clip", "neg", "abs", "floor", "round", "not", "cast",
        "thresholded_relu"),
    2: ("hard_sigmoid", "hard_swish", "reciprocal", "sqrt", "softsign", "bias_gelu"),
    10: ("elu", "selu", "celu", "sigmoid", "tanh", "gelu", "fast_gelu", "quick_gelu", "softplus",
         "mish", "erf", "exp", "log", "sin", "cos"),
}
_BINARY = ("sub", "mul", "div", "pow", "max", "min", "equal", "less", "greater", "and", "or",
           "where", "mod")
_REDUCTIONS = ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_l2",
               "global_average_pool", "global_max_pool", "arg_max", "arg_min", "cum_sum")
_COPIES = ("view", "split", "slice", "gather", "tile", "expand", "pad", "depth_to_space",
           "space_to_depth", "gather_nd", "gather_elements", "range", "transpose",
           "reorder_input", "reorder_output", "constant_of_shape", "one_hot", "join")
_ROWS = {"skip_layer_norm": 9, "rms_normalization": 5, "simplified_layer_normalization": 5,
         "log_softmax": 6, "softmax_across": 5, "log_softmax_across": 6, "lp_normalization": 3,
         "lp_normalization_across": 3, "group_norm": 8}


def _each(flops: int) -> Callable[[Operator], Cost]:
    """So many operations per result; the result is as large as the largest input."""

    def cost(op: Operator) -> Cost:
        out = max(op.inputs, key=prod, default=(1,))
        return Cost(flops * prod(out), sum(map(prod, op.inputs)) + prod(out), out)

    return cost


def _reduction(op: Operator) -> Cost:
    """``(before, along, after)`` to ``(before, after)``."""
    before, along, after = op.inputs[0]
    return Cost(before * along * after, prod(op.inputs[0]) + before * after, (before, after))


def _copy(op: Operator) -> Cost:
    read = sum(map(prod, op.inputs))
    out = cast(tuple[int, ...], op.get("to", op.inputs[0]))
    return Cost(0, read + prod(out), out)


def window_pool(op: Operator) -> Cost:
    """Pooling whose result is told by its attribute ``to``."""
    out, kernel = cast(tuple[int, ...], op.get("to")), op.get("kernel")
    taps = prod(kernel) if isinstance(kernel, tuple) else int(kernel) ** (len(out) - 2)
    return Cost(prod(out) * taps, prod(op.inputs[0]) + prod(out), out)


EXECUTED_COSTS: dict[str, Callable[[Operator], Cost]] = {
    **{kind: _each(flops) for flops, kinds in _UNARY.items() for kind in kinds},
    **{kind: _each(flops) for kind, flops in _ROWS.items()},
    **dict.fromkeys(_BINARY, _each(1)),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(_COPIES, _copy),
    "average_pool": window_pool,
}
