"""ONNX operators as torch functions: inputs by position, attributes by keyword.

Positions in `LISTS` hold sizes, axes and indices; they arrive as Python lists (a scalar as a list
too), so that no step waits for a device to read them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from luts.errors import UserError
from profiler.runtimes._torch_layers import (
    average_pool,
    batch_norm,
    conv,
    gemm,
    grid_sample,
    max_pool,
)
from profiler.runtimes._torch_layout import (
    Ints,
    concat,
    constant_of_shape,
    expand,
    gather,
    pad,
    reshape,
    slice_,
    split,
    squeeze,
    unsqueeze,
)

LISTS: dict[str, tuple[int, ...]] = {
    "ConstantOfShape": (0,), "Expand": (1,), "Gather": (1,), "Pad": (1, 3), "ReduceMax": (1,),
    "ReduceMean": (1,), "ReduceSum": (1,), "Reshape": (1,), "Slice": (1, 2, 3, 4), "Split": (1,),
    "Squeeze": (1,), "Unsqueeze": (1,),
}
_DTYPES = {1: torch.float32, 2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64,
           9: torch.bool, 10: torch.float16, 11: torch.float64, 16: torch.bfloat16}


def _reduce(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduce(x: Tensor, given: Ints | None = None, *, axes: Ints | None = None,
               keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
        chosen = given if given is not None else axes
        if not chosen and noop_with_empty_axes:
            return x
        return call(x, tuple(chosen or range(x.dim())), keepdim=bool(keepdims))

    return reduce


def _div(a: Tensor, b: Tensor) -> Tensor:
    whole = not a.dtype.is_floating_point
    return torch.div(a, b, rounding_mode="trunc" if whole else None)


def _cast(x: Tensor, *, to: int, saturate: int = 1) -> Tensor:
    if to not in _DTYPES:
        raise UserError(f"Cast to ONNX type {to} is not supported")
    return x.to(_DTYPES[to])


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return torch.clamp(x, low, high)


OPERATORS: dict[str, Callable[..., Any]] = {
    "Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Mul": lambda a, b: a * b,
    "Div": _div, "Pow": torch.pow, "Equal": lambda a, b: a == b,
    "MatMul": lambda a, b: a @ b, "Relu": F.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh,
    "Exp": torch.exp, "Sqrt": torch.sqrt, "Neg": torch.neg, "Erf": torch.erf, "Clip": _clip,
    "LeakyRelu": lambda x, *, alpha=0.01: F.leaky_relu(x, alpha), "HardSwish": F.hardswish,
    "Softmax": lambda x, *, axis=-1: torch.softmax(x, axis),
    "Identity": lambda x: x, "Cast": _cast, "Where": torch.where, "Conv": conv, "Gemm": gemm,
    "BatchNormalization": batch_norm,
    "InstanceNormalization": lambda x, scale, bias, *, epsilon=1e-5: F.instance_norm(
        x, weight=scale, bias=bias, eps=epsilon),
    "AveragePool": average_pool, "MaxPool": max_pool,
    "GlobalAveragePool": lambda x: x.mean(tuple(range(2, x.dim())), keepdim=True),
    "GridSample": grid_sample, "Slice": slice_, "Split": split, "Gather": gather, "Pad": pad,
    "Reshape": reshape, "Flatten": lambda x, *, axis=1: x.reshape(*x.shape[:axis], -1).flatten(
        0, max(axis - 1, 0)) if axis else x.reshape(1, -1),
    "Transpose": lambda x, *, perm=None: x.permute(perm or tuple(reversed(range(x.dim())))),
    "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Expand": expand, "Concat": concat,
    "ConstantOfShape": constant_of_shape, "ReduceSum": _reduce(torch.sum),
    "ReduceMean": _reduce(torch.mean), "ReduceMax": _reduce(torch.amax),
    "Shape": lambda x: torch.tensor(x.shape),
}
