"""ONNX operators that rearrange values, as torch functions; sizes, axes and indices are lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from luts.errors import UserError

Ints = Sequence[int]


class Scalar(list[int]):
    """A list of one number that was a scalar."""


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


def squeeze(x: Tensor, axes: Ints | None = None) -> Tensor:
    """Drops dimensions of size 1."""
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def expand(x: Tensor, shape: Ints) -> Tensor:
    """Repeats along dimensions of size 1."""
    # Either side may have the more dimensions, and either a 1 where the other is wider.
    broadcast: Any = torch.broadcast_shapes
    return x.expand(broadcast(x.shape, tuple(shape)))


def concat(*parts: Tensor, axis: int) -> Tensor:
    """Joins along an axis."""
    return torch.cat(parts, axis)


def constant_of_shape(shape: Ints, *, value: Tensor | None = None) -> Tensor:
    """One value everywhere; 0 where none is given."""
    value = torch.zeros(1) if value is None else value
    return value.reshape(()).expand(list(shape)).clone()
