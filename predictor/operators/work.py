"""An operator's shape as numbers: what any device would have to do for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import cast

import numpy as np

from luts._costs import cost_of
from luts.operator import DTYPE_BYTES, Operator
from predictor.extremes import Floats

COLUMNS = (
    "flops", "bytes", "weight_bytes", "out_values", "in_values",
    "batch", "m", "n", "k", "taps", "stride", "groups", "value_bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Work:
    """Numbers of many operators.

    Attributes:
        values: shape ``(operators, len(COLUMNS))``; all at least 1 but ``flops``.
        dtypes: precision of each.
    """

    values: Floats
    dtypes: tuple[str, ...]

    def __getitem__(self, column: str) -> Floats:
        return np.asarray(self.values[:, COLUMNS.index(column)])

    @classmethod
    def of(cls, operators: Sequence[Operator]) -> Work:
        """Counts the work of operators; equal operators are counted once.

        Raises:
            UserError: no cost is registered for a kind.
        """
        known: dict[Operator, tuple[float, ...]] = {}
        for operator in operators:
            if operator not in known:
                known[operator] = _numbers(operator)
        rows = [known[operator] for operator in operators]
        values = np.array(rows, dtype=float).reshape(len(rows), len(COLUMNS))
        return cls(values, tuple(operator.dtype for operator in operators))


def _numbers(op: Operator) -> tuple[float, ...]:
    cost = cost_of(op)
    size = DTYPE_BYTES[op.dtype]
    batch, m, n, k = _PRODUCTS.get(op.kind, _rows)(op, cost.output)
    kernel, stride = op.get("kernel", 1), op.get("stride", 1)
    taps = prod(kernel) if isinstance(kernel, tuple) else int(kernel)
    step = max(stride) if isinstance(stride, tuple) else int(stride)
    groups = cast(int, op.get("groups", 1))
    read = sum(prod(shape) for shape in op.inputs)
    rest = (prod(cost.output), read, batch, m, n, k, taps, step, groups)
    return (
        float(cost.flops),
        max(1.0, cost.values_moved * size),
        max(1.0, cost.parameters * size),
        *(max(1.0, float(value)) for value in rest),
        float(size),
    )


# Every contraction is seen as ``batch`` products of m x k and k x n matrices, the way in which
# kernels tile them: a convolution as im2col lays it out.
Product = tuple[float, float, float, float]


def _conv(op: Operator, out: tuple[int, ...]) -> Product:
    groups = cast(int, op.get("groups", 1))
    kernel = cast(tuple[int, int], op.get("kernel"))
    pixels = out[0] * prod(out[2:])
    return groups, pixels, out[1] / groups, op.inputs[0][1] / groups * prod(kernel)


def _linear(op: Operator, out: tuple[int, ...]) -> Product:
    return 1, prod(out[:-1]), out[-1], op.inputs[0][-1]


def _matmul(op: Operator, out: tuple[int, ...]) -> Product:
    return prod(out[:-2]), out[-2], out[-1], op.inputs[0][-1]


def _rows(op: Operator, out: tuple[int, ...]) -> Product:
    shape = op.inputs[0] if op.inputs else out
    if len(shape) == 4:  # channels and pixels of a picture
        return shape[0], shape[1], prod(shape[2:]), 1
    return 1, prod(shape[:-1]), shape[-1] if shape else 1, 1


_PRODUCTS: dict[str, Callable[[Operator, tuple[int, ...]], Product]] = {
    **dict.fromkeys(("conv", "pointwise_conv", "depthwise_conv", "grouped_conv", "stem_conv",
                     "conv_transpose"), _conv),
    "linear": _linear,
    "matmul": _matmul,
}
