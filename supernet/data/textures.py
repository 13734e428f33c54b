"""Textures of layers: windows of photographs, and procedural noise, stripes and gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """One uniform random number from a generator."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def integer(high: int, generator: torch.Generator) -> int:
    """One random integer in ``[0, high)``."""
    return int(torch.randint(high, (), generator=generator))


def fractal_noise(
    channels: int, height: int, width: int, generator: torch.Generator, *, roughness: float = 0.5
) -> torch.Tensor:
    """Sum of octaves of smoothed white noise, (channels, H, W), standardised."""
    total = torch.zeros(channels, height, width)
    cells, gain = 2 + integer(4, generator), 1.0
    while cells < max(height, width):
        rows = max(2, cells * height // max(height, width))
        cols = max(2, cells * width // max(height, width))
        grid = torch.randn(1, channels, rows, cols, generator=generator)
        total += gain * F.interpolate(
            grid, (height, width), mode="bicubic", align_corners=True
        )[0]
        cells, gain = cells * 2, gain * roughness
    return (total - total.mean()) / total.std().clamp_min(1e-6)


def procedural(height: int, width: int, generator: torch.Generator) -> torch.Tensor:
    """A procedural colour texture, (3, H, W) in 0..1."""
    base = torch.rand(3, 1, 1, generator=generator)
    other = torch.rand(3, 1, 1, generator=generator)
    kind = integer(3, generator)
    if kind == 0:
        weight = fractal_noise(1, height, width, generator,
                               roughness=uniform(0.4, 0.95, generator))
        weight = torch.sigmoid(weight * uniform(0.6, 3.0, generator))
    else:
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        angle = uniform(0, math.pi, generator)
        period = math.exp(uniform(math.log(5), math.log(60), generator))
        phase = (x * math.cos(angle) + y * math.sin(angle)) * (2 * math.pi / period)
        if kind == 2:  # a grid of two stripe patterns
            phase = torch.minimum(
                torch.sin(phase),
                torch.sin((y * math.cos(angle) - x * math.sin(angle)) * (2 * math.pi / period)),
            ) * math.pi
        bend = fractal_noise(1, height, width, generator) * uniform(0, 1.5, generator)
        weight = torch.sigmoid(torch.sin(phase + bend) * uniform(1.5, 8, generator))
    grain = fractal_noise(3, height, width, generator, roughness=0.9) * uniform(0, 0.1, generator)
    return (base + (other - base) * weight + grain).clamp(0, 1)


def photo_window(
    photos: Sequence[torch.Tensor], height: int, width: int, generator: torch.Generator
) -> torch.Tensor:
    """A window of a random photograph, mirrored and re-coloured at random, (3, H, W) in 0..1.

    A photograph smaller than the window is repeated by reflection.
    """
    photo = photos[integer(len(photos), generator)]
    if integer(2, generator):
        photo = photo.flip(2)
    if integer(4, generator) == 0:
        photo = photo.transpose(1, 2)
    rows = _reflected(photo.shape[1], height, generator)
    cols = _reflected(photo.shape[2], width, generator)
    window = photo[:, rows][:, :, cols]
    if integer(2, generator):
        window = window[torch.randperm(3, generator=generator)]
    gain = 1 + 0.4 * (torch.rand(3, 1, 1, generator=generator) - 0.5)
    return (window * gain).clamp(0, 1)


def _reflected(size: int, length: int, generator: torch.Generator) -> torch.Tensor:
    """Indices of ``length`` consecutive positions, reflected at the ends of ``0..size-1``."""
    start = integer(max(1, size - length + 1), generator)
    index = torch.arange(start, start + length) % (2 * size)
    return torch.where(index < size, index, 2 * size - 1 - index)


def texture(
    photos: Sequence[torch.Tensor], height: int, width: int, generator: torch.Generator,
    *, procedural_share: float = 0.15,
) -> torch.Tensor:
    """A texture of either kind, (3, H, W) in 0..1, half of them painted over."""
    if uniform(0, 1, generator) < procedural_share:
        found = procedural(height, width, generator)
    else:
        found = photo_window(photos, height, width, generator)
    return painted(found, generator) if integer(2, generator) else found


def painted(image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The texture at lower contrast on a random colour, as on painted wood, cloth and walls.

    Without such surfaces a network meets features far from the image's mean, and correlations far
    above what it knows, wherever a real scene has a large plain object.
    """
    colour = torch.rand(3, 1, 1, generator=generator)
    contrast = math.exp(uniform(math.log(0.08), math.log(0.8), generator))
    grey = uniform(0, 1, generator)  # share of the texture's own colours that is lost
    centred = image - image.mean((1, 2), keepdim=True)
    centred = centred + grey * (centred.mean(0, keepdim=True) - centred)
    return (colour + contrast * centred).clamp(0, 1)
