"""The kernels that PyTorch launches for an operator, one by one and unfused."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import cast

from luts._costs import cost_of, has_cost
from luts.errors import UserError
from luts.operator import Operator

PRODUCTS = ("dense", "pointwise", "depthwise", "grouped", "stem", "linear", "matmul", "attention")
CLASSES = (*PRODUCTS, "norm", "layer_norm", "group_norm", "softmax", "unary", "binary", "pool",
           "reduce", "copy", "join", "gather")
"""Classes of kernels; those before ``norm`` are matrix products."""
COLUMNS = ("class", "flops", "values", "weights", "batch", "m", "n", "k", "count")

Row = tuple[float, ...]
# Of fewer input channels a convolution is the first layer's.
_FEW_CHANNELS = 4
# Bilinear sampling reads four values for one, and two coordinates.
_NEIGHBOURS = 5
_FREE = ("view", "split", "shape", "constant", "constant_of_shape", "range", "identity",
         "reorder_input", "reorder_output", "expand")
_LAYER_NORMS = ("layer_norm", "skip_layer_norm", "rms_normalization", "lp_normalization",
                "simplified_layer_normalization", "lp_normalization_across")
_POOLS = ("max_pool", "average_pool", "avg_pool")
_COPIES = ("copy", "transpose", "slice", "tile", "pad", "depth_to_space", "space_to_depth", "cast")
_GATHERS = ("gather", "gather_nd", "gather_elements", "one_hot", "resize")
_REDUCTIONS = ("reduce", "global_avg_pool", "global_average_pool", "global_max_pool", "arg_max",
               "arg_min", "cum_sum")


def kernels(op: Operator) -> list[Row]:
    """Kernels of one operator, each as ``COLUMNS`` without ``count``; none for a view.

    Raises:
        UserError: no rule covers its kind.
    """
    if op.kind in _FREE:
        return []
    rule = _RULES.get(op.kind)
    if rule is None:
        if not has_cost(op.kind):
            raise UserError(f"no rule says what operator kind '{op.kind}' costs on a device that "
                            "was not measured")
        rule = _by_values
    return rule(op)


def unknown_kernel(op: Operator) -> Row:
    """A guess for a kind without a rule: it reads, and writes, as scattered values."""
    shape = op.get("to", ())
    written = prod(shape) if isinstance(shape, tuple) else 0
    read = sum(map(prod, op.inputs))
    return _row("gather", 0, read + (written or read))


def _row(name: str, flops: float, values: float, batch: float = 1, m: float = 1, n: float = 1,
         k: float = 1, weights: float = 0) -> Row:  # fmt: skip
    return (float(CLASSES.index(name)), float(flops), max(1.0, float(values)), float(weights),
            float(batch), float(m), float(n), float(k))


def _pointwise(values: float, inputs: int = 1) -> Row:
    """One result per value; with several inputs each is as large as the result."""
    return _row("unary" if inputs == 1 else "binary", values, values * (inputs + 1))


def _conv(op: Operator) -> list[Row]:
    cost = cost_of(op)
    groups = cast(int, op.get("groups", 1))
    kernel = cast(tuple[int, int], op.get("kernel"))
    channels, out = op.inputs[0][1], cost.output
    if groups == 1:
        name = "stem" if channels <= _FEW_CHANNELS else "dense"
        name = "pointwise" if name == "dense" and prod(kernel) == 1 else name
    else:
        name = "depthwise" if channels == groups else "grouped"
    rows = [_row(name, cost.flops, cost.values_moved, groups, out[0] * prod(out[2:]),
                 out[1] / groups, channels / groups * prod(kernel), cost.parameters)]
    if op.get("pre", "none") != "none":
        rows.append(_pointwise(prod(op.inputs[0])))
    act = op.get("act", "none") if "act" in op.attribute_map else op.get("activation", "none")
    if op.get("residual", 0) or len(op.inputs) > 1:
        rows.append(_pointwise(prod(out), 2))
    return rows if act == "none" else [*rows, _pointwise(prod(out))]


def _linear(op: Operator) -> list[Row]:
    cost, shape = cost_of(op), op.inputs[0]
    return [_row("linear", cost.flops, cost.values_moved, 1, prod(shape[:-1]), cost.output[-1],
                 shape[-1], cost.parameters)]


def _matmul(op: Operator) -> list[Row]:
    cost = cost_of(op)
    *batch, m, n = cost.output
    return [_row("matmul", cost.flops, cost.values_moved, prod(batch), m, n, op.inputs[0][-1])]


def _attention(op: Operator) -> list[Row]:
    """Fused, (heads, s, d) x (heads, t, d) and softmax, x (heads, t, e); scores stay inside."""
    (heads, s, d), (_, t, _), (_, _, e) = op.inputs
    return [_row("attention", 2 * heads * s * t * (d + e), heads * (s * d + t * d + t * e + s * e),
                 heads, s, t, d)]  # fmt: skip


def _gru(op: Operator) -> list[Row]:
    """Two joins, the gates' and the candidate's convolution, and what is done per value."""
    (n, hidden, h, w), (_, motion, _, _) = op.inputs
    kernel = cast(tuple[int, int], op.get("kernel"))
    state, read = n * hidden * h * w, n * (hidden + motion) * h * w
    rows = [_row("join", 0, 2 * read)] * 2
    for out in (2 * hidden, hidden):
        conv = Operator.make("conv", (n, hidden + motion, h, w), out=out, kernel=kernel)
        rows += [*_conv(conv), _pointwise(n * out * h * w, 2), _pointwise(n * out * h * w)]
    return rows + [_pointwise(state, 2)] * 4


def _context(op: Operator) -> list[Row]:
    n, _, h, w = op.inputs[0]
    hidden = cast(int, op.get("hidden"))
    rows: list[Row] = []
    for taps in cast(tuple[int, ...], op.get("taps")):
        side = (3, 3) if taps == 9 else (1, taps)
        rows += _conv(Operator.make("conv", op.inputs[0], out=3 * hidden, kernel=side))
    return [*rows, *[_pointwise(n * hidden * h * w)] * 2]


def _correlation(op: Operator) -> list[Row]:
    n, c, h, w = op.inputs[0]
    pixels, levels = h * w, cast(int, op.get("levels"))
    rows = _matmul(Operator.make("matmul", (n, pixels, c), (n, c, pixels)))
    rows.append(_pointwise(n * pixels * pixels))
    for level in range(1, levels):
        above = n * pixels * (h >> (level - 1)) * (w >> (level - 1))
        rows.append(_row("pool", above, above * 1.25))
    return rows


def _lookup(op: Operator) -> list[Row]:
    """Per level: coordinates scaled, spread over the window by a product, and sampled."""
    n, _, h, w = op.inputs[0]
    levels, window = cast(int, op.get("levels")), 2 * cast(int, op.get("radius")) + 1
    values = n * h * w * window**2
    grid = _linear(Operator.make("linear", (n * h * w, 2), out=2 * window**2))
    each = [_pointwise(2 * n * h * w), *grid, _row("gather", 7 * values, 3 * values)]
    moved = _row("copy", 0, 2 * levels * values)
    return [*each * levels, _row("join", 0, 2 * levels * values), moved]


def _upsample(op: Operator) -> list[Row]:
    n, _, h, w = op.inputs[0]
    factor = cast(int, op.get("factor"))
    mask = n * 9 * factor**2 * h * w
    return [_row("softmax", 5 * mask, 2 * mask), _row("copy", 0, 4 * 9 * n * h * w),
            _row("binary", 2 * mask, 5 * mask), _row("reduce", 2 * mask, 2.3 * mask),
            _row("copy", 0, 4 * n * factor**2 * h * w)]  # fmt: skip


def _split_attention(op: Operator) -> list[Row]:
    """Shares of maps, each map times its share, and their sum."""
    *maps, logits = (prod(shape) for shape in op.inputs)
    shares = _row("softmax" if len(maps) > 1 else "unary", 5 * logits, 2 * logits)
    return [shares, *[_pointwise(maps[0], 2)] * (2 * len(maps) - 1)]


def _by_values(op: Operator) -> list[Row]:
    """Kernels that move values; their class follows from the name."""
    cost = cost_of(op)
    name = next((title for title, kinds in _CLASSES.items() if op.kind in kinds), None)
    if name is None:
        several = len(op.inputs) > 1 or op.kind == "add"
        name = "reduce" if op.kind.startswith("reduce_") else "binary" if several else "unary"
    values = float(cost.values_moved)
    if name == "gather":  # of a large input only what is asked for is read, a few neighbours each
        values = min(values, _NEIGHBOURS * prod(cost.output))
    rows = [_row(name, cost.flops, values)]
    if op.kind == "scale":
        rows *= 2
    acts = op.get("act", "none") != "none"
    return [*rows, _pointwise(prod(cost.output))] if acts else rows


_CLASSES = {
    "norm": ("batch_norm",), "group_norm": ("instance_norm", "group_norm"),
    "layer_norm": _LAYER_NORMS, "pool": _POOLS, "reduce": _REDUCTIONS, "copy": _COPIES,
    "gather": _GATHERS, "join": ("join", "concat"),
    "softmax": ("softmax", "log_softmax", "softmax_across", "log_softmax_across"),
}  # fmt: skip
_RULES: dict[str, Callable[[Operator], list[Row]]] = {
    **dict.fromkeys(("conv", "pointwise_conv", "depthwise_conv", "grouped_conv", "stem_conv",
                     "conv_transpose"), _conv),
    "linear": _linear, "matmul": _matmul, "attention": _attention, "conv_gru": _gru,
    "context": _context, "correlation": _correlation, "correlation_lookup": _lookup,
    "convex_upsample": _upsample, "split_attention": _split_attention,
}  # fmt: skip
