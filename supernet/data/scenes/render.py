"""Puts scenes together: a background and objects in depth order, for a whole batch at once.

A layer has a texture T, a matte and a flow field f. Frame 2 shows T(a(y)) with an affine map a,
frame 1 T(a(x + f(x))): pixel x of frame 1 is pixel x + f(x) of frame 2 by construction, for any
smooth f, and occlusion follows from the order of the mattes. Objects throw soft shadows, which move
with them over what lies below; the flow is that of the surfaces.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from supernet.data.batch import FlowBatch
from supernet.data.render_settings import RenderSettings
from supernet.data.scenes.draws import Draws, pixel_grid, sample
from supernet.data.scenes.light import exposed
from supernet.data.scenes.mattes import MARGIN_PX, mattes
from supernet.data.scenes.motion import camera_flow, object_flow, speeds
from supernet.data.scenes.surfaces import surfaces

_TEXTURE_MARGIN = 24
_SHADOWED = 0.3
_SHADOW_BLUR_PX = 8
_SAME_SURFACE = 0.1
_GREY = 0.15


def render_scenes(
    photos: Sequence[torch.Tensor], settings: RenderSettings, count: int, seed: int,
    device: torch.device,
) -> FlowBatch:
    """Renders a batch on a device; see `supernet.data.render.render_batch`."""
    draws = Draws(seed, device)
    height, width = settings.height, settings.width
    speed = speeds(draws, count, settings.motion)
    flow, pan = camera_flow(draws, speed, height, width, settings.motion)
    canvas = _canvas(photos, draws, count, settings)
    frame1, frame2 = _shaded(draws, canvas, flow)
    flow2 = flow.clone()
    # Twice as many as the setting says: half of them are small, or hidden by the others.
    most = 2 * settings.most_layers
    layers = torch.tensor([1 + draws.integer(most) if most else 0 for _ in range(count)])
    for layer in range(int(layers.max())):
        has = (layers > layer).nonzero()[:, 0].to(device)
        part = (frame1[has], frame2[has], flow[has], flow2[has])
        frame1[has], frame2[has], flow[has], flow2[has] = _covered(
            photos, draws, settings, part, canvas[has], speed[has], pan[has]
        )
    frame1, frame2 = _faded(draws, frame1, frame2)
    frame1, frame2 = exposed(draws, frame1, frame2, flow, flow2, settings.photometry)
    valid = torch.ones(count, height, width, device=device)
    return FlowBatch(frame1, frame2, flow, valid)


def _covered(
    photos: Sequence[torch.Tensor], draws: Draws, settings: RenderSettings,
    below: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], behind: torch.Tensor,
    speed: torch.Tensor, pan: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Adds one object to each scene: frames and both flows with it."""
    frame1, frame2, flow1, flow2 = below
    count, height, width = len(speed), settings.height, settings.width
    matte, centre = mattes(draws, count, height, width)
    motion = object_flow(draws, pan, speed, centre, height, width, settings.motion)
    canvas = _canvas(photos, draws, count, settings)
    # Some objects look like what is behind them, and only motion tells them apart.
    same = draws.chance(_SAME_SURFACE, count).view(-1, 1, 1, 1)
    top1, top2 = _shaded(draws, torch.where(same, behind, canvas), motion)
    grid = pixel_grid(height, width, draws.device)[None] + MARGIN_PX
    shadowed = draws.chance(_SHADOWED, count)
    if shadowed.any():
        light1, light2 = _shadows(draws, matte[shadowed], grid, motion[shadowed])
        frame1[shadowed], frame2[shadowed] = frame1[shadowed] * light1, frame2[shadowed] * light2
    alpha1, alpha2 = sample(matte, grid + motion), sample(matte, grid)
    return (
        frame1 + alpha1 * (top1 - frame1), frame2 + alpha2 * (top2 - frame2),
        torch.where(alpha1 > 0.5, motion, flow1), torch.where(alpha2 > 0.5, motion, flow2),
    )


def _shadows(
    draws: Draws, matte: torch.Tensor, grid: torch.Tensor, motion: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Light that objects leave to what lies below, in both frames, each (B, 1, H, W)."""
    side = 2 * _SHADOW_BLUR_PX + 1
    soft = F.avg_pool2d(matte, (side, 1), 1, (_SHADOW_BLUR_PX, 0))
    soft = F.avg_pool2d(soft, (1, side), 1, (0, _SHADOW_BLUR_PX))
    place = grid + draws.uniform(-10, 10, len(matte), 2, 1, 1)
    depth = draws.uniform(0.1, 0.6, len(matte), 1, 1, 1)
    return 1 - depth * sample(soft, place + motion), 1 - depth * sample(soft, place)


def _faded(
    draws: Draws, frame1: torch.Tensor, frame2: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scenes have fewer colours than photographs put together at random; some are grey."""
    count = len(frame1)
    kept = draws.uniform(0, 1, count, 1, 1, 1) * ~draws.chance(_GREY, count).view(-1, 1, 1, 1)
    greys = (frame.mean(1, keepdim=True) for frame in (frame1, frame2))
    one, two = (g + kept * (f - g) for f, g in zip((frame1, frame2), greys, strict=True))
    return one, two


def _canvas(
    photos: Sequence[torch.Tensor], draws: Draws, count: int, settings: RenderSettings
) -> torch.Tensor:
    rows, cols = (side + 2 * _TEXTURE_MARGIN for side in (settings.height, settings.width))
    return surfaces(photos, draws, count, rows, cols)


def _shaded(
    draws: Draws, canvas: torch.Tensor, flow: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both frames of one layer, unmatted, each (B, 3, H, W) in 0..1."""
    count, _, height, width = flow.shape
    # A turned and scaled texture makes both frames equally (un)sharp.
    angle = torch.deg2rad(draws.uniform(-25, 25, count))
    scale = draws.log_uniform(0.85, 1.4, count)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    middle = flow.new_tensor([width / 2, height / 2])[:, None, None]
    shift = draws.uniform(0, 1, count, 2, 1, 1) + _TEXTURE_MARGIN

    def place(points: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bij,bjhw->bihw", turn, points - middle) + middle + shift

    grid = pixel_grid(height, width, draws.device)[None].expand(count, -1, -1, -1)
    return sample(canvas, place(grid + flow)), sample(canvas, place(grid))
