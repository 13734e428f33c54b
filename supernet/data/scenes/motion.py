"""Motion of scenes: a camera over a relief, and objects that follow it and move by themselves."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from supernet.data.motion import MotionStatistics
from supernet.data.scenes.draws import Draws, pixel_grid

# Shares of scenes: a standing camera, and one that moves through a scene of strong relief.
_STANDING = 0.12
_RELIEF = 0.5


def speeds(draws: Draws, count: int, motion: MotionStatistics) -> torch.Tensor:
    """Typical speed of each scene in px, (count,), log-uniform."""
    return draws.log_uniform(motion.smallest_px, motion.largest_px, count)


def camera_flow(
    draws: Draws, speed: torch.Tensor, height: int, width: int, motion: MotionStatistics
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flow of the background.

    Args:
        draws: random numbers.
        speed: (B,) in px.
        height: rows.
        width: columns.
        motion: rotation, zoom.

    Returns:
        Flow (B, 2, H, W), and the camera's mean motion (B, 2).
    """
    count = len(speed)
    pan = draws.direction(count) * (speed * draws.uniform(0.7, 1.4, count))[:, None]
    pan = torch.where(draws.chance(_STANDING, count)[:, None], 0.1 * pan, pan)
    near = _relief(draws, count, height, width)
    depth = draws.uniform(0, 0.5, count) * draws.chance(_RELIEF, count)
    moved = pan[:, :, None, None] * (1 + depth.view(-1, 1, 1, 1) * near)
    turn = _turned(draws, pan.norm(dim=1), height, width, motion, None)
    return moved + turn, pan


def object_flow(
    draws: Draws, pan: torch.Tensor, speed: torch.Tensor, centre: torch.Tensor, height: int,
    width: int, motion: MotionStatistics,
) -> torch.Tensor:
    """Flow of one object a scene, (B, 2, H, W).

    Args:
        draws: random numbers.
        pan: (B, 2), the camera's motion, which objects follow more or less (parallax).
        speed: (B,), typical speed of the scene.
        centre: (B, 2) in px, about which the object turns and grows.
        height: rows.
        width: columns.
        motion: rotation, zoom, bend.
    """
    count = len(speed)
    follows = draws.uniform(0.3, 1.8, count)[:, None]
    own = draws.direction(count) * (speed * draws.uniform(0, 1.5, count))[:, None]
    # Things that stand in the scene move by parallax alone.
    own = own * draws.chance(0.7, count)[:, None]
    shift = follows * pan + own
    flow = shift[:, :, None, None] + _turned(
        draws, shift.norm(dim=1), height, width, motion, centre
    )
    size = draws.uniform(0, motion.bend, count) * draws.chance(0.25, count)
    bend = _smooth(draws, count, height, width)
    reach: torch.Tensor = size * (shift.norm(dim=1) + 0.5)
    return flow + reach.view(-1, 1, 1, 1) * bend


def _turned(
    draws: Draws, speed: torch.Tensor, height: int, width: int, motion: MotionStatistics,
    centre: torch.Tensor | None,
) -> torch.Tensor:
    """Rotation, zoom and shear about a centre; slow scenes turn slowly."""
    count = len(speed)
    if centre is None:
        centre = draws.uniform(0, 1, count, 2) * speed.new_tensor([width, height])
    calm = ((speed + 0.3) / 6).clamp(max=1)
    # Most things keep their shape; a few turn and grow a lot.
    rare = calm * draws.uniform(0, 1, count) ** 3
    angle = torch.deg2rad(3 * motion.rotation_deg * rare * draws.normal(count))
    scale = (3 * motion.zoom * rare * draws.normal(count)).exp()
    shear = 0.02 * rare[:, None] * draws.normal(count, 2)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    matrix = torch.stack([
        torch.stack([cos - 1, -sin + shear[:, 0]], 1), torch.stack([sin + shear[:, 1], cos - 1], 1),
    ], 1)
    offset = pixel_grid(height, width, draws.device)[None] - centre[:, :, None, None]
    turned: torch.Tensor = torch.einsum("bij,bjhw->bihw", matrix, offset)
    return turned


def _relief(draws: Draws, count: int, height: int, width: int) -> torch.Tensor:
    """Nearness of the background, (B, 1, H, W) about 0: a tilted plane and smooth hills."""
    grid = pixel_grid(height, width, draws.device) / max(height, width) - 0.5
    tilt = draws.normal(count, 2) * torch.tensor([0.5, 1.0], device=draws.device)
    plane = torch.einsum("bi,ihw->bhw", tilt, grid)[:, None]
    height_of = 0.6 * draws.uniform(0, 1, count, 1, 1, 1) ** 2
    return plane + height_of * _smooth(draws, count, height, width)[:, :1]


def _smooth(draws: Draws, count: int, height: int, width: int) -> torch.Tensor:
    """A smooth random vector field of about unit size, (B, 2, H, W)."""
    cells = 3 + draws.integer(4)
    grid = draws.normal(count, 2, cells, cells)
    return 0.5 * F.interpolate(grid, (height, width), mode="bicubic", align_corners=True)
