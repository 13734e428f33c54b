"""RAFT's photometric augmentation: colour jitter and rectangles of the mean colour.

Amounts are those of the released training code of RAFT (Teed and Deng, ECCV 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from supernet.data.textures import integer, uniform

_GREY = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
_ERASED_PX = (50, 100)


@dataclass(frozen=True, slots=True)
class Jitter:
    """How far colours change.

    Attributes:
        strength: largest relative change of brightness, contrast and saturation.
        hue: largest turn of the hue, in turns.
        asymmetric: probability that each frame gets colours of its own.
        eraser: probability that parts of frame 2 are covered.
    """

    strength: float = 0.4
    hue: float = 0.159
    asymmetric: float = 0.2
    eraser: float = 0.5


SPARSE_JITTER = Jitter(strength=0.3, hue=0.0955, asymmetric=0.0)


def jittered(
    frame1: torch.Tensor, frame2: torch.Tensor, jitter: Jitter, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Changes colours of two frames (3, H, W) in 0..255, then erases parts of the second."""
    if uniform(0, 1, generator) < jitter.asymmetric:
        one, two = (_recoloured(frame, jitter, generator) for frame in (frame1, frame2))
    else:
        both = _recoloured(torch.cat([frame1, frame2], 1), jitter, generator)
        one, two = both[:, : frame1.shape[1]], both[:, frame1.shape[1] :]
    if uniform(0, 1, generator) < jitter.eraser:
        two = _erased(two, generator)
    return one, two


def _recoloured(
    frame: torch.Tensor, jitter: Jitter, generator: torch.Generator
) -> torch.Tensor:
    pixels = frame / 255
    near_one = [
        uniform(max(0.0, 1 - jitter.strength), 1 + jitter.strength, generator) for _ in range(3)
    ]
    turn = uniform(-jitter.hue, jitter.hue, generator)
    for kind in torch.randperm(4, generator=generator).tolist():
        if kind == 0:
            pixels = pixels * near_one[0]
        elif kind == 1:
            middle = (pixels * _GREY).sum(0).mean()
            pixels = middle + near_one[1] * (pixels - middle)
        elif kind == 2:
            grey = (pixels * _GREY).sum(0, keepdim=True)
            pixels = grey + near_one[2] * (pixels - grey)
        else:
            pixels = hue_turned(pixels, turn)
        pixels = pixels.clamp(0, 1)
    return (255 * pixels).round()


def hue_turned(pixels: torch.Tensor, turn: float) -> torch.Tensor:
    """Turns the hue (HSV) of pixels (3, H, W) in 0..1 by a share of a whole turn."""
    value, where = pixels.max(0)
    chroma = value - pixels.min(0)[0]
    red, green, blue = pixels
    safe = chroma.clamp_min(1e-8)
    sixth = torch.where(
        where == 0, (green - blue) / safe,
        torch.where(where == 1, (blue - red) / safe + 2, (red - green) / safe + 4),
    ) + 6 * turn
    offset = torch.tensor([5.0, 3.0, 1.0])[:, None, None]
    k = (sixth[None] + offset) % 6
    return value - chroma * torch.minimum(k, 4 - k).clamp(0, 1)


def _erased(frame: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    _, height, width = frame.shape
    frame, mean = frame.clone(), frame.mean((1, 2), keepdim=True)
    for _ in range(1 + integer(2, generator)):
        left, top = integer(width, generator), integer(height, generator)
        low, high = _ERASED_PX
        across, down = (low + integer(high - low, generator) for _ in range(2))
        frame[:, top : top + down, left : left + across] = mean
    return frame.round()
