"""Flow of one pair, at one size or from coarse to fine.

A network's error is about as many pixels at any size of its frames, since it works at 1/8 of them:
frames that are twice as large halve it, as long as the motion stays within the network's reach. So
frames are estimated as they are first, and that flow is where the network starts on larger ones.
Pyramids of this kind are as old as Lucas and Kanade's method; that an unchanged RAFT serves as
every level is our design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch
from torch.nn import functional as F

from luts.errors import UserError
from supernet.data.pairs import FlowPair
from supernet.raft.config import UPSAMPLE
from supernet.raft.network import FlowNetwork, pad_to_multiple, unpad

SMALLEST, LARGEST, MOST = 0.25, 4.0, 4
_SHARE = 0.9  # of the memory; the network's activations are small beside its correlations
_VOLUMES = 2  # their products and the scaled ones exist at once; the pyramid is smaller than that


@dataclass(frozen=True, slots=True)
class Estimate:
    """A network's flow.

    Attributes:
        flow: (1, 2, H, W) pixels.
        coarse: (1, 2, h, w), that of the first pass at 1/8 of its size, in coarse pixels.
    """

    flow: torch.Tensor
    coarse: torch.Tensor


def parse_scales(text: str) -> tuple[float, ...]:
    """Reads ``1,2,3``: sizes of the frames, one pass each.

    Raises:
        UserError: not such a list, or a size out of bounds.
    """
    try:
        scales = tuple(float(part) for part in text.split(","))
    except ValueError:
        scales = ()
    if not 1 <= len(scales) <= MOST or not all(SMALLEST <= s <= LARGEST for s in scales):
        raise UserError(
            f"--scales {text}: give 1 to {MOST} numbers from {SMALLEST} to {LARGEST:g} with commas "
            "between, such as 1,2"
        )
    return scales


def estimate(
    network: FlowNetwork, pair: FlowPair, iterations: int, *, bottom_only: bool,
    initial: torch.Tensor | None = None, scales: Sequence[float] = (1.0,),
) -> Estimate:
    """Flow of a pair.

    Args:
        network: in evaluation mode.
        pair: of any size.
        iterations: recurrent updates of each pass.
        bottom_only: how frames grow to multiples of 8 (see `pad_to_multiple`).
        initial: (1, 2, h, w) coarse flow that the first pass starts from.
        scales: sizes of the frames, as multiples of their own; one pass each.

    Raises:
        UserError: frames of that size need more memory than there is.
    """
    first: torch.Tensor | None = None
    flow: torch.Tensor | None = None
    for scale in scales:
        frames = _resized(torch.cat([pair.frame1, pair.frame2]), scale)
        _check_memory(network, pair, frames.shape[-2:], scale)
        frames, pad = pad_to_multiple(
            frames.to(next(network.parameters()).device), bottom_only=bottom_only
        )
        if flow is not None:
            initial = coarse_flow(flow, frames.shape[-2:], pad, scale).to(frames.device)
        with torch.no_grad():
            features, context = network.features(*frames.chunk(2))
            features1, features2 = features[-1].chunk(2)
            flows, coarse = network.head.iterate(
                features1, features2, context[-1], iterations, initial=initial
            )
        first = coarse.cpu() if first is None else first
        flow = unpad(flows[-1], pad).cpu()
        if scale != 1:
            size = pair.frame1.shape[-2:]
            flow = F.interpolate(flow, size, mode="bilinear", align_corners=False) / scale
    if flow is None or first is None:
        raise ValueError("there is no scale")
    return Estimate(flow, first)


def coarse_flow(
    flow: torch.Tensor, size: Sequence[int], pad: tuple[int, int, int, int], scale: float
) -> torch.Tensor:
    """What a pass at ``scale`` starts from.

    Args:
        flow: (1, 2, H, W) pixels, at the size of the pair.
        size: of the enlarged and padded frames, multiples of 8.
        pad: added to them: left, right, top, bottom.
        scale: of these frames.

    Returns:
        (1, 2, size / 8), in coarse pixels.
    """
    left, right, top, bottom = pad
    inner = (size[0] - top - bottom, size[1] - left - right)
    larger = F.interpolate(flow, inner, mode="bilinear", align_corners=False) * scale
    return F.avg_pool2d(F.pad(larger, pad, mode="replicate"), UPSAMPLE) / UPSAMPLE


def _resized(frames: torch.Tensor, scale: float) -> torch.Tensor:
    if scale == 1:
        return frames
    size = [max(UPSAMPLE, round(side * scale)) for side in frames.shape[-2:]]
    larger = F.interpolate(
        frames, size, mode="bicubic", align_corners=False, antialias=scale < 1
    )
    return larger.clamp(0, 255)  # bicubic weights overshoot


def _check_memory(
    network: FlowNetwork, pair: FlowPair, size: Sequence[int], scale: float
) -> None:
    """Correlations grow with the fourth power of the scale; Linux kills who takes too much."""
    if next(network.parameters()).device.type != "cpu":
        return  # CUDA says so itself
    cells = -(-size[0] // UPSAMPLE) * -(-size[1] // UPSAMPLE)
    needed, free = cells**2 * 4 * _VOLUMES, psutil.virtual_memory().available
    if needed > _SHARE * free:
        raise UserError(
            f"pair {pair.name} at scale {scale:g} ({size[1]}x{size[0]}): its correlations take "
            f"{needed / 1e9:.1f} GB, of which {free / 1e9:.1f} GB are free; give smaller --scales"
        )
