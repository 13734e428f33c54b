"""ONNX operators as torch functions: inputs by position, attributes by keyword.

Positions in `LISTS` hold sizes, axes and indices; they arrive as Python lists (a scalar as a list
too), so that no step waits for a device to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from luts.errors import UserError

Ints = Sequence[int]
LISTS: dict[str, tuple[int, ...]] = {
    "ConstantOfShape": (0,), "Expand": (1,), "Gather": (1,), "Pad": (1, 3), "ReduceMax": (1,),
    "ReduceMean": (1,), "ReduceSum": (1,), "Reshape": (1,), "Slice": (1, 2, 3, 4), "Split": (1,),
    "Squeeze": (1,), "Unsqueeze": (1,),
}
_DTYPES = {1: torch.float32, 2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64,
           9: torch.bool, 10: torch.float16, 11: torch.float64, 16: torch.bfloat16}


def padded(x: Tensor, pads: Ints, auto_pad: str, value: float = 0.0) -> tuple[Tensor, list[int]]:
    """Input and the symmetric padding left to do, from ONNX pads (all begins, then all ends)."""
    if auto_pad not in {"NOTSET", "VALID"}:
        raise UserError(f"auto_pad '{auto_pad}' is not supported; export the model with pads")
    dims = x.dim() - 2
    begins, ends = list(pads[:dims]) or [0] * dims, list(pads[dims:]) or [0] * dims
    if begins == ends:
        return x, begins
    both = [pad for pair in zip(reversed(begins), reversed(ends), strict=True) for pad in pair]
    return F.pad(x, both, value=value), [0] * dims


def conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, pads: Ints = (),
         strides: Ints = (), dilations: Ints = (), group: int = 1, kernel_shape: Ints = (),
         auto_pad: str = "NOTSET") -> Tensor:
    """Convolution in one to three dimensions."""
    x, padding = padded(x, pads, auto_pad)
    call: Any = (F.conv1d, F.conv2d, F.conv3d)[x.dim() - 3]
    result: Tensor = call(x, weight, bias, tuple(strides) or 1, padding, tuple(dilations) or 1,
                          group)
    return result


def average_pool(x: Tensor, *, kernel_shape: Ints, strides: Ints = (), pads: Ints = (),
                 ceil_mode: int = 0, count_include_pad: int = 0, auto_pad: str = "NOTSET"
                 ) -> Tensor:
    """Average pooling in two dimensions."""
    plain = pads[:2] == pads[2:]
    if not plain and not count_include_pad:
        raise UserError(f"AveragePool with pads {list(pads)} is not supported")
    x, padding = padded(x, pads, auto_pad)
    return F.avg_pool2d(x, list(kernel_shape), list(strides) or 1, padding, bool(ceil_mode),
                        bool(count_include_pad))


def max_pool(x: Tensor, *, kernel_shape: Ints, strides: Ints = (), pads: Ints = (),
             dilations: Ints = (), ceil_mode: int = 0, storage_order: int = 0,
             auto_pad: str = "NOTSET") -> Tensor:
    """Maximum pooling in two dimensions."""
    x, padding = padded(x, pads, auto_pad, float("-inf"))
    return F.max_pool2d(x, list(kernel_shape), list(strides) or 1, padding, tuple(dilations) or 1,
                        bool(ceil_mode))


def gemm(a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1.0, beta: float = 1.0,
         transA: int = 0, transB: int = 0) -> Tensor:
    """``alpha * a @ b + beta * c``."""
    a, b = a.T if transA else a, b.T if transB else b
    return alpha * (a @ b) if c is None else torch.addmm(c, a, b, beta=beta, alpha=alpha)


def grid_sample(x: Tensor, grid: Tensor, *, mode: str = "bilinear", padding_mode: str = "zeros",
                align_corners: int = 0) -> Tensor:
    """Samples at places in [-1, 1]."""
    names = {"linear": "bilinear", "cubic": "bicubic"}
    return F.grid_sample(x, grid, names.get(mode, mode), padding_mode, bool(align_corners))


def slice_(x: Tensor, starts: Ints, ends: Ints, axes: Ints | None = None,
           steps: Ints | None = None) -> Tensor:
    """Slices with positive steps, or backwards one by one."""
    axes = axes if axes is not None else range(len(starts))
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(starts), strict=True):
        places = range(*slice(start, end, step).indices(x.shape[axis]))
        if step == -1:
            x = x.narrow(axis, places[-1] if places else 0, len(places)).flip(axis)
        elif step > 0:
            x = x[(slice(None),) * (axis % x.dim()) + (slice(places.start, places.stop, step),)]
        else:
            raise UserError(f"Slice with step {step} is not supported")
    return x


def reshape(x: Tensor, shape: Ints, *, allowzero: int = 0) -> Tensor:
    """Reshapes; a 0 copies the dimension unless `allowzero`."""
    return x.reshape([size or x.shape[place] if not allowzero else size
                      for place, size in enumerate(shape)])


def unsqueeze(x: Tensor, axes: Ints) -> Tensor:
    """Inserts dimensions of size 1."""
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def pad(x: Tensor, pads: Ints, value: Tensor | None = None, axes: Ints | None = None, *,
        mode: str = "constant") -> Tensor:
    """Pads with a constant, by reflection or with the edge."""
    chosen = [axis % x.dim() for axis in axes] if axes is not None else list(range(x.dim()))
    each = dict(zip(chosen, zip(pads[: len(chosen)], pads[len(chosen):], strict=True),
                    strict=True))
    both = [amount for axis in reversed(range(x.dim())) for amount in each.get(axis, (0, 0))]
    while both and mode != "constant" and both[-2:] == [0, 0]:
        both = both[:-2]
    names = {"reflect": "reflect", "edge": "replicate", "constant": "constant"}
    return F.pad(x, both, names[mode], 0.0 if value is None else float(value))


def gather(x: Tensor, indices: Ints, *, axis: int = 0) -> Tensor:
    """Takes entries along an axis; a list that stands for a scalar is a `Scalar`."""
    if isinstance(indices, Scalar):
        return x.select(axis, indices[0])
    return torch.stack([x.select(axis, index) for index in indices], axis)


def split(x: Tensor, sizes: Ints | None = None, *, axis: int = 0, num_outputs: int = 0
          ) -> tuple[Tensor, ...]:
    """Cuts along an axis."""
    if sizes is None:
        raise UserError("Split without sizes is not supported")
    parts: tuple[Tensor, ...] = torch.split(x, list(sizes), axis)
    return parts


class Scalar(list[int]):
    """A list of one number that was a scalar."""


def _reduce(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduce(x: Tensor, given: Ints | None = None, *, axes: Ints | None = None,
               keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
        chosen = given if given is not None else axes
        if not chosen and noop_with_empty_axes:
            return x
        return call(x, tuple(chosen or range(x.dim())), keepdim=bool(keepdims))

    return reduce


def _constant_of_shape(shape: Ints, *, value: Tensor | None = None) -> Tensor:
    value = torch.zeros(1) if value is None else value
    return value.reshape(()).expand(list(shape)).clone()


def _batch_norm(x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, *,
                epsilon: float = 1e-5, momentum: float = 0.9, training_mode: int = 0) -> Tensor:
    if training_mode:
        raise UserError("BatchNormalization in training mode is not supported")
    return F.batch_norm(x, mean, variance, scale, bias, eps=epsilon)


def _expand(x: Tensor, shape: Ints) -> Tensor:
    # Either side may have the more dimensions, and either a 1 where the other is wider.
    broadcast: Any = torch.broadcast_shapes
    return x.expand(broadcast(x.shape, tuple(shape)))


def _div(a: Tensor, b: Tensor) -> Tensor:
    whole = not a.dtype.is_floating_point
    return torch.div(a, b, rounding_mode="trunc" if whole else None)


def _cast(x: Tensor, *, to: int, saturate: int = 1) -> Tensor:
    if to not in _DTYPES:
        raise UserError(f"Cast to ONNX type {to} is not supported")
    return x.to(_DTYPES[to])


def _squeeze(x: Tensor, axes: Ints | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def _concat(*parts: Tensor, axis: int) -> Tensor:
    return torch.cat(parts, axis)


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
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": lambda x, scale, bias, *, epsilon=1e-5: F.instance_norm(
        x, weight=scale, bias=bias, eps=epsilon),
    "AveragePool": average_pool, "MaxPool": max_pool,
    "GlobalAveragePool": lambda x: x.mean(tuple(range(2, x.dim())), keepdim=True),
    "GridSample": grid_sample, "Slice": slice_, "Split": split, "Gather": gather, "Pad": pad,
    "Reshape": reshape, "Flatten": lambda x, *, axis=1: x.reshape(*x.shape[:axis], -1).flatten(
        0, max(axis - 1, 0)) if axis else x.reshape(1, -1),
    "Transpose": lambda x, *, perm=None: x.permute(perm or tuple(reversed(range(x.dim())))),
    "Squeeze": _squeeze, "Unsqueeze": unsqueeze, "Expand": _expand, "Concat": _concat,
    "ConstantOfShape": _constant_of_shape, "ReduceSum": _reduce(torch.sum),
    "ReduceMean": _reduce(torch.mean), "ReduceMax": _reduce(torch.amax),
    "Shape": lambda x: torch.tensor(x.shape),
}
