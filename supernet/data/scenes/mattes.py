"""Outlines of objects: blobs, boxes, bars and fences, foliage, frames with a hole."""

from __future__ import annotations

import math

import torch

from supernet.data.scenes.draws import Draws, pixel_grid

MARGIN_PX = 32


def mattes(
    draws: Draws, count: int, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Anti-aliased shapes.

    Returns:
        Mattes (B, 1, H + 2 m, W + 2 m) in 0..1 with m = `MARGIN_PX`, and the centres of the
        objects (B, 2) in pixels of the frame.
    """
    size = torch.tensor([width, height], dtype=torch.float32, device=draws.device)
    centre = draws.uniform(-0.05, 1.05, count, 2) * size
    kinds = torch.tensor([draws.integer(len(_SHAPES)) for _ in range(count)])
    radius = draws.log_uniform(6, 0.45 * width, count, 1, 1)
    angle = draws.uniform(0, math.pi, count, 1, 1)
    grid = pixel_grid(height + 2 * MARGIN_PX, width + 2 * MARGIN_PX, draws.device)
    distance = torch.empty(count, *grid.shape[1:], device=draws.device)
    for kind, shape in enumerate(_SHAPES):
        has = (kinds == kind).nonzero()[:, 0].to(draws.device)
        if len(has):
            x, y = (grid[None] - (centre[has] + MARGIN_PX)[:, :, None, None]).unbind(1)
            cos, sin = angle[has].cos(), angle[has].sin()
            distance[has] = shape(draws, x * cos + y * sin, y * cos - x * sin, radius[has])
    return (distance + 0.5).clamp(0, 1)[:, None], centre


def _blob(
    draws: Draws, u: torch.Tensor, v: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    """An ellipse with a wavy outline."""
    waves = 0.3 * draws.uniform(0, 1, len(u), 1, 1) * _noise(draws, u)
    return radius * (1 + waves) - torch.hypot(u, v / draws.uniform(0.3, 1, len(u), 1, 1))


def _box(
    draws: Draws, u: torch.Tensor, v: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    thin = draws.uniform(0.3, 1, len(u), 1, 1)
    return torch.minimum(radius - u.abs(), radius * thin - v.abs())


def _bars(
    draws: Draws, u: torch.Tensor, v: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    """One bar, or a fence of them."""
    thickness = draws.log_uniform(1, 8, len(u), 1, 1)
    period = thickness * draws.uniform(2.5, 8, len(u), 1, 1)
    across = (v + period / 2) % period - period / 2
    across = torch.where(draws.chance(0.5, len(u), 1, 1), across, v)
    return torch.minimum(thickness - across.abs(), 2 * radius - torch.hypot(u, v))


def _leaves(
    draws: Draws, u: torch.Tensor, v: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    """Noise above a level, within an ellipse; its slope turns levels into pixels."""
    noise = _noise(draws, u)
    steps = (noise[:, 1:] - noise[:, :-1]).abs().mean((1, 2), keepdim=True).clamp_min(1e-3)
    level = draws.uniform(-0.6, 0.4, len(u), 1, 1)
    around = radius - torch.hypot(u, v / draws.uniform(0.3, 1, len(u), 1, 1))
    return torch.minimum((noise - level) / (2 * steps), 1.5 * around)


def _hollow(
    draws: Draws, u: torch.Tensor, v: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    """A box with a hole, as a window or a picture frame."""
    box = _box(draws, u, v, radius)
    return torch.minimum(box, draws.uniform(0.1, 0.3, len(u), 1, 1) * radius - box)


def _noise(draws: Draws, like: torch.Tensor) -> torch.Tensor:
    count, rows, cols = like.shape
    roughness = draws.uniform(0.35, 0.75, count)
    return draws.fractal(count, 1, rows, cols, roughness, octaves=6)[:, 0]


_SHAPES = (_blob, _box, _bars, _leaves, _hollow)
