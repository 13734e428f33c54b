"""Lighting, colour, blur and noise that differ between the frames of a pair."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from supernet.data.textures import fractal_noise, uniform


@dataclass(frozen=True, slots=True)
class Photometry:
    """Strength of disturbances.

    Attributes:
        brightness: largest relative change of brightness and contrast, common to both frames.
        difference: largest relative change between the frames.
        shadow: largest depth of a smooth change of light between the frames.
        noise: largest standard deviation of sensor noise, of 1.
        blur_px: largest standard deviation of a blur common to both frames.
        sharpening: largest share of the difference to a blurred frame that is added (``scenes``).
    """

    brightness: float = 0.3
    difference: float = 0.05
    shadow: float = 0.15
    noise: float = 0.02
    blur_px: float = 0.8
    sharpening: float = 1.0


def disturb(
    frame1: torch.Tensor, frame2: torch.Tensor, photometry: Photometry,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Applies lighting, blur and noise to two frames (3, H, W) in 0..1; gives them in 0..255."""
    both = torch.stack([frame1, frame2])
    both = _blurred(both, uniform(-0.8, 1, generator) * photometry.blur_px)
    gain = math.exp(uniform(-1, 1, generator) * photometry.brightness)
    gamma = math.exp(uniform(-1, 1, generator) * photometry.brightness)
    both = (both.clamp(1e-4, 1) ** gamma) * gain
    if uniform(0, 1, generator) < 0.5:
        tint = 1 + photometry.difference * (2 * torch.rand(3, 1, 1, generator=generator) - 1)
        shade = fractal_noise(
            1, frame1.shape[1], frame1.shape[2], generator, roughness=0.1
        )
        depth = uniform(0, 1, generator) ** 2 * photometry.shadow
        both = torch.stack([both[0], both[1] * tint * (1 + depth * shade.clamp(-1, 1))])
    sigma = uniform(0, 1, generator) ** 2 * photometry.noise
    both = both + sigma * torch.randn(both.shape, generator=generator)
    both = (both.clamp(0, 1) * 255).round()  # cameras deliver bytes
    return both[0], both[1]


def _blurred(frames: torch.Tensor, sigma_px: float) -> torch.Tensor:
    if sigma_px < 0.2:
        return frames
    taps = torch.exp(-0.5 * (torch.arange(-2, 3) / sigma_px) ** 2)
    taps = (taps / taps.sum()).repeat(3, 1, 1, 1)
    padded = F.pad(frames, (2, 2, 2, 2), mode="reflect")
    return F.conv2d(F.conv2d(padded, taps, groups=3), taps.transpose(2, 3), groups=3)
