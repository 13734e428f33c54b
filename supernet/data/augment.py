"""RAFT's augmentation of pairs with dense and with sparse flow, settled by a generator.

Amounts are those of the released training code of RAFT (Teed and Deng, ECCV 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch.nn import functional as F

from supernet.data.jitter import SPARSE_JITTER, Jitter, jittered
from supernet.data.pairs import FlowPair
from supernet.data.textures import integer, uniform

_SCALED = 0.8  # share of pairs whose size changes
_STRETCHED = 0.8
_LARGEST_STRETCH = 0.2
# Beyond the crop, so that it can lie in several places.
_DENSE_MARGIN_PX, _SPARSE_MARGIN_PX = 8, 1
# Sparse crops may begin outside the frame by this much before they are moved inside: the bottom
# and the sides, where flow is known, come up more often.
_ROWS_OUTSIDE, _COLUMNS_OUTSIDE = 20, 50
_LARGEST_FLOW_PX = 1000.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Sizes and mirrors.

    Attributes:
        height: rows of the crop.
        width: columns of the crop.
        smallest: lower end of the logarithm (base 2) of the scale.
        largest: its upper end.
        flip: mirror half of the pairs, and turn a tenth of the dense ones upside down.
        jitter: of colours; None leaves them.
    """

    height: int
    width: int
    smallest: float = -0.2
    largest: float = 0.6
    flip: bool = True
    jitter: Jitter | None = field(default_factory=Jitter)


class _Fields(NamedTuple):
    """Frames (3, H, W) in 0..255, flow (2, H, W), valid (H, W)."""

    frame1: torch.Tensor
    frame2: torch.Tensor
    flow: torch.Tensor
    valid: torch.Tensor


def augmented(
    pair: FlowPair, how: Augmentation, generator: torch.Generator, *, sparse: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A crop of a pair with other colours, scale and orientation.

    Args:
        pair: of any size; one that is smaller than the crop is enlarged.
        how: sizes and amounts.
        generator: settles everything.
        sparse: known flow is moved pixel by pixel, never interpolated; colours of both frames
            change alike, and nothing is stretched.

    Returns:
        Frames (3, h, w) in 0..255, flow (2, h, w) and valid (h, w).
    """
    one, two = pair.frame1[0], pair.frame2[0]
    if how.jitter is not None:
        one, two = jittered(one, two, SPARSE_JITTER if sparse else how.jitter, generator)
    held = _scaled(_Fields(one, two, pair.flow[0], pair.valid[0]), how, generator, sparse=sparse)
    if how.flip and uniform(0, 1, generator) < 0.5:
        held = _mirrored(held, 0)
    if how.flip and not sparse and uniform(0, 1, generator) < 0.1:
        held = _mirrored(held, 1)
    return _cropped(held, how, generator, sparse=sparse)


def middle_crop(
    pair: FlowPair, height: int, width: int, *, sparse: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The middle of a pair, as `augmented` returns it; one that is smaller is enlarged."""
    held = _Fields(pair.frame1[0], pair.frame2[0], pair.flow[0], pair.valid[0])
    rows, cols = held.valid.shape
    scale = max(height / rows, width / cols)
    if scale > 1:
        held = _resized(held, math.ceil(rows * scale), math.ceil(cols * scale), sparse=sparse)
        rows, cols = held.valid.shape
    return _window(held, (rows - height) // 2, (cols - width) // 2, height, width)


def _scaled(
    held: _Fields, how: Augmentation, generator: torch.Generator, *, sparse: bool
) -> _Fields:
    rows, cols = held.valid.shape
    margin = _SPARSE_MARGIN_PX if sparse else _DENSE_MARGIN_PX
    least = max((how.height + margin) / rows, (how.width + margin) / cols)
    scale = 2 ** uniform(how.smallest, how.largest, generator)
    down = across = scale
    if not sparse and uniform(0, 1, generator) < _STRETCHED:
        across *= 2 ** uniform(-_LARGEST_STRETCH, _LARGEST_STRETCH, generator)
        down *= 2 ** uniform(-_LARGEST_STRETCH, _LARGEST_STRETCH, generator)
    too_small = rows < how.height or cols < how.width
    if not (uniform(0, 1, generator) < _SCALED or too_small):
        return held
    size = (math.ceil(rows * max(down, least)), math.ceil(cols * max(across, least)))
    return _resized(held, *size, sparse=sparse)


def _resized(held: _Fields, rows: int, cols: int, *, sparse: bool) -> _Fields:
    before = held.valid.shape
    one, two, flow = (
        F.interpolate(part[None], (rows, cols), mode="bilinear", align_corners=False)[0]
        for part in (held.frame1, held.frame2, held.flow)
    )
    factor = torch.tensor([cols / before[1], rows / before[0]])[:, None, None]
    if sparse:
        flow, valid = resplat(held.flow, held.valid, rows, cols)
    else:
        flow = flow * factor
        valid = F.interpolate(held.valid[None, None], (rows, cols), mode="bilinear",
                              align_corners=False)[0, 0]
        valid = (valid > 0.999).float()  # every pixel that it is made of is known
    return _Fields(one, two, flow, valid)


def resplat(
    flow: torch.Tensor, valid: torch.Tensor, rows: int, cols: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Moves each known flow to its nearest pixel in a frame of another size (RAFT, for KITTI).

    Args:
        flow: (2, H, W).
        valid: (H, W).
        rows: of the new frame.
        cols: of the new frame.
    """
    height, width = valid.shape
    y, x = torch.nonzero(valid > 0.5, as_tuple=True)
    down, across = rows / height, cols / width
    to_y, to_x = (y * down).round().long(), (x * across).round().long()
    inside = (to_y < rows) & (to_x < cols)
    place = (to_y * cols + to_x)[inside]
    # The last of those that meet in a pixel stays, in any order of threads.
    last = torch.full((rows * cols,), -1).scatter_reduce(
        0, place, torch.arange(place.numel()), "amax"
    )
    known = last >= 0
    moved = flow[:, y, x][:, inside] * torch.tensor([across, down])[:, None]
    found = torch.zeros(2, rows * cols)
    found[:, known] = moved[:, last[known]]
    return found.reshape(2, rows, cols), known.reshape(rows, cols).float()


def _mirrored(held: _Fields, axis: int) -> _Fields:
    """Mirrors left and right (axis 0) or up and down (axis 1), flow as well."""
    one, two, flow, valid = (part.flip(-1 - axis) for part in held)
    sign = torch.ones(2, 1, 1)
    sign[axis] = -1
    return _Fields(one, two, flow * sign, valid)


def _cropped(
    held: _Fields, how: Augmentation, generator: torch.Generator, *, sparse: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    rows, cols = held.valid.shape[0] - how.height, held.valid.shape[1] - how.width
    if sparse:
        top = integer(rows + _ROWS_OUTSIDE + 1, generator)
        left = integer(cols + 2 * _COLUMNS_OUTSIDE + 1, generator) - _COLUMNS_OUTSIDE
        top, left = min(max(top, 0), rows), min(max(left, 0), cols)
    else:
        top, left = integer(rows + 1, generator), integer(cols + 1, generator)
    return _window(held, top, left, how.height, how.width)


def _window(
    held: _Fields, top: int, left: int, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    one, two, flow, valid = (
        part[..., top : top + height, left : left + width] for part in held
    )
    small = (flow.abs() < _LARGEST_FLOW_PX).all(0)
    return one, two, torch.where(small, flow, 0), valid * small
