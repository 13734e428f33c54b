"""Motions of layers: affine and smooth non-rigid flow fields in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from supernet.data.textures import integer, uniform


@dataclass(frozen=True, slots=True)
class MotionStatistics:
    """How far and how layers move.

    Attributes:
        smallest_px: lower end of the log-uniform distribution of camera motion.
        largest_px: its upper end.
        rotation_deg: standard deviation of rotation.
        zoom: standard deviation of the logarithm of scale.
        bend: largest size of the non-rigid part, relative to the layer's translation + 1 px.
    """

    smallest_px: float = 0.3
    largest_px: float = 24.0
    rotation_deg: float = 3.0
    zoom: float = 0.03
    bend: float = 0.35


def pixel_grid(height: int, width: int) -> torch.Tensor:
    """Coordinates x, y of every pixel, (2, H, W)."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32),
        torch.arange(width, dtype=torch.float32),
        indexing="ij",
    )
    return torch.stack([x, y])


def scene_speed_px(statistics: MotionStatistics, generator: torch.Generator) -> float:
    """Typical motion of one scene, log-uniform."""
    low, high = math.log(statistics.smallest_px), math.log(statistics.largest_px)
    return math.exp(uniform(low, high, generator))


def layer_flow(
    height: int, width: int, translation: torch.Tensor, statistics: MotionStatistics,
    generator: torch.Generator,
) -> torch.Tensor:
    """Affine motion about a random centre plus a smooth non-rigid field, (2, H, W) in pixels.

    Args:
        height: rows.
        width: columns.
        translation: mean motion in pixels, (2,).
        statistics: spread of rotation, zoom and bend. They shrink with the translation, so that
            slow scenes are slow everywhere.
        generator: source of randomness.
    """
    grid = pixel_grid(height, width)
    centre = torch.tensor([uniform(0, width, generator), uniform(0, height, generator)])
    speed = float(translation.norm())
    calm = min(1.0, (speed + 0.5) / 6)
    normal = torch.randn(4, generator=generator)
    angle = math.radians(statistics.rotation_deg) * calm * float(normal[0])
    scale = math.exp(statistics.zoom * calm * float(normal[1]))
    shear = 0.02 * calm * normal[2:4]
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    matrix = torch.tensor([[cos - 1, -sin + float(shear[0])], [sin + float(shear[1]), cos - 1]])
    offset = grid - centre[:, None, None]
    flow = torch.einsum("ij,jhw->ihw", matrix, offset) + translation[:, None, None]
    size = uniform(0, statistics.bend, generator) * (speed + 1)
    return flow + size * smooth_field(height, width, generator)


def smooth_field(height: int, width: int, generator: torch.Generator) -> torch.Tensor:
    """A smooth random vector field of about unit size, (2, H, W)."""
    cells = 3 + integer(4, generator)
    grid = torch.randn(1, 2, cells, cells, generator=generator)
    return F.interpolate(grid, (height, width), mode="bicubic", align_corners=True)[0] * 0.5
