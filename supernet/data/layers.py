"""The renderer ``layers``: flow pairs with exact ground truth.

A scene is a background and a few layers in depth order. A layer has a texture, a matte and a
flow field f. Frame 2 shows texture T at T(a(y)) with an affine map a; frame 1 shows it at
T(a(x + f(x))). So pixel x of frame 1 is pixel x + f(x) of frame 2 by construction, for any
smooth f, and occlusion follows from the order of the mattes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F

from supernet.data.batch import FlowBatch
from supernet.data.motion import layer_flow, pixel_grid, scene_speed_px
from supernet.data.photometry import disturb
from supernet.data.render_settings import RenderSettings
from supernet.data.textures import fractal_noise, integer, texture, uniform


def render_layers(
    photos: Sequence[torch.Tensor], settings: RenderSettings, count: int, seed: int,
    device: torch.device,
) -> FlowBatch:
    """Renders pairs one by one on the CPU; see `supernet.data.render.render_batch`."""
    generator = torch.Generator().manual_seed(seed)
    pairs = [_render_pair(photos, settings, generator) for _ in range(count)]
    frame1, frame2, flow = (torch.stack(parts) for parts in zip(*pairs, strict=True))
    valid = torch.ones(count, settings.height, settings.width)
    return FlowBatch(frame1, frame2, flow, valid).to(device)


def _render_pair(
    photos: Sequence[torch.Tensor], settings: RenderSettings, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One pair: two frames (3, H, W) in 0..255 and the flow (2, H, W)."""
    height, width = settings.height, settings.width
    grid = pixel_grid(height, width)
    speed = scene_speed_px(settings.motion, generator)
    camera = _direction(generator) * speed * uniform(0.3, 1.0, generator)
    flow = layer_flow(height, width, camera, settings.motion, generator)
    frame1, frame2 = _shade(photos, grid, flow, generator)
    for _ in range(integer(settings.most_layers + 1, generator)):
        own = _direction(generator) * speed * uniform(0.0, 1.2, generator)
        follows = uniform(0, 1, generator)
        motion = layer_flow(height, width, follows * camera + own, settings.motion, generator)
        matte = _matte(height, width, generator)
        top1, top2 = _shade(photos, grid, motion, generator)
        alpha1 = _sample(matte, grid + motion + _MATTE_MARGIN)
        alpha2 = _sample(matte, grid + _MATTE_MARGIN)
        frame1 = frame1 + alpha1 * (top1 - frame1)
        frame2 = frame2 + alpha2 * (top2 - frame2)
        flow = torch.where(alpha1 > 0.5, motion, flow)
    frame1, frame2 = disturb(frame1, frame2, settings.photometry, generator)
    return frame1, frame2, flow


_MATTE_MARGIN = 32


def _direction(generator: torch.Generator) -> torch.Tensor:
    angle = uniform(0, 2 * math.pi, generator)
    # Cameras pan more than they tilt.
    return torch.tensor([math.cos(angle), 0.6 * math.sin(angle)])


def _shade(
    photos: Sequence[torch.Tensor], grid: torch.Tensor, flow: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both frames of one layer, unmatted, each (3, H, W) in 0..1."""
    height, width = grid.shape[1:]
    margin = 24
    canvas = texture(photos, height + 2 * margin, width + 2 * margin, generator)
    # A turned and scaled texture map makes both frames equally (un)sharp.
    angle = math.radians(uniform(-25, 25, generator))
    scale = math.exp(uniform(math.log(0.6), math.log(1.15), generator))
    turn = scale * torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    middle = torch.tensor([width / 2, height / 2])[:, None, None]
    shift = torch.rand(2, 1, 1, generator=generator)

    def place(points: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ij,jhw->ihw", turn, points - middle) + middle + margin + shift

    frames = [_sample(canvas, place(grid + flow)), _sample(canvas, place(grid))]
    return frames[0], frames[1]


def _sample(image: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Bilinear samples (C, H, W) of an image at pixel coordinates (2, H, W), reflected outside."""
    height, width = image.shape[1:]
    size = torch.tensor([width, height])[:, None, None]
    normal = (2 * points + 1) / size - 1
    return F.grid_sample(
        image[None], normal.permute(1, 2, 0)[None], mode="bilinear",
        padding_mode="reflection", align_corners=False,
    )[0]


def _matte(height: int, width: int, generator: torch.Generator) -> torch.Tensor:
    """An anti-aliased shape, (1, H + 2 m, W + 2 m) in 0..1: blob, ellipse, polygon or bar."""
    grid = pixel_grid(height + 2 * _MATTE_MARGIN, width + 2 * _MATTE_MARGIN)
    centre = torch.tensor([uniform(0, width, generator), uniform(0, height, generator)])
    x, y = grid - (centre + _MATTE_MARGIN)[:, None, None]
    angle = uniform(0, math.pi, generator)
    u = x * math.cos(angle) + y * math.sin(angle)
    v = y * math.cos(angle) - x * math.sin(angle)
    radius = math.exp(uniform(math.log(8), math.log(0.45 * width), generator))
    kind = integer(4, generator)
    if kind == 0:  # a blob with a wavy outline
        noise = fractal_noise(1, grid.shape[1], grid.shape[2], generator)[0]
        distance = radius * (1 + 0.3 * noise) - torch.hypot(u, v)
    elif kind == 1:
        distance = radius - torch.hypot(u, v / uniform(0.3, 1, generator))
    elif kind == 2:  # a convex polygon: intersection of half planes
        sides = 3 + integer(5, generator)
        distance = torch.full_like(u, radius)
        for side in range(sides):
            facing = 2 * math.pi * (side + uniform(-0.3, 0.3, generator)) / sides
            plane = radius * uniform(0.5, 1, generator) - (
                u * math.cos(facing) + v * math.sin(facing)
            )
            distance = torch.minimum(distance, plane)
    else:  # a thin bar
        thickness = uniform(1.5, 8, generator)
        distance = torch.minimum(thickness - v.abs(), radius * 2 - u.abs())
    return (distance + 0.5).clamp(0, 1)[None]
