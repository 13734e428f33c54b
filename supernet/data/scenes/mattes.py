"""Outlines of objects: blobs, boxes, bars and fences, foliage, frames with a hole."""

from __future__ import annotations

import math

import torch

from supernet.data.scenes.draws import Draws, pixel_grid

MARGIN_PX = 32
_KINDS = 5


def mattes(
    draws: Draws, count: int, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Anti-aliased shapes.

    Returns:
        Mattes (B, 1, H + 2 m, W + 2 m) in 0..1 with m = `MARGIN_PX`, and the centres of the
        objects (B, 2) in pixels of the frame.
    """
    size = draws.uniform(0, 1, count, 2).new_tensor([width, height])
    centre = draws.uniform(-0.05, 1.05, count, 2) * size
    grid = pixel_grid(height + 2 * MARGIN_PX, width + 2 * MARGIN_PX, draws.device)
    x, y = (grid[None] - (centre + MARGIN_PX)[:, :, None, None]).unbind(1)
    angle = draws.uniform(0, math.pi, count, 1, 1)
    u, v = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    radius = draws.log_uniform(6, 0.45 * width, count, 1, 1)
    thin = draws.uniform(0.3, 1, count, 1, 1)
    rows, cols = grid.shape[1:]
    noise = draws.fractal(count, 1, rows, cols, draws.uniform(0.35, 0.75, count))[:, 0]
    wavy = radius * (1 + 0.3 * draws.uniform(0, 1, count, 1, 1) * noise)
    blob = wavy - torch.hypot(u, v / thin)
    box = torch.minimum(radius - u.abs(), radius * thin - v.abs())
    thickness = draws.log_uniform(1, 8, count, 1, 1)
    period = thickness * draws.uniform(2.5, 8, count, 1, 1)
    across = (v + period / 2) % period - period / 2
    fence = torch.minimum(
        thickness - torch.where(draws.chance(0.5, count, 1, 1), across, v).abs(),
        2 * radius - torch.hypot(u, v),
    )
    # Leaves: noise above a level, within a blob. Its slope turns levels into pixels.
    steps = (noise[:, 1:] - noise[:, :-1]).abs().mean((1, 2), keepdim=True).clamp_min(1e-3)
    level = draws.uniform(-0.6, 0.4, count, 1, 1)
    leaves = torch.minimum((noise - level) / (2 * steps), 1.5 * blob)
    hollow = torch.minimum(box, draws.uniform(0.1, 0.4, count, 1, 1) * radius * thin - box)
    shapes = torch.stack([blob, box, fence, leaves, hollow], 1)
    kind = torch.tensor([draws.integer(_KINDS) for _ in range(count)], device=draws.device)
    distance = shapes[torch.arange(count, device=draws.device), kind]
    return (distance + 0.5).clamp(0, 1)[:, None], centre
