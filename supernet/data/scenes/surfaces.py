"""What surfaces look like: windows of photographs, painted or not, and procedural patterns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from supernet.data.scenes.draws import Draws, pixel_grid

_PROCEDURAL = 0.15
_PAINTED = 0.45


def surfaces(
    photos: Sequence[torch.Tensor], draws: Draws, count: int, height: int, width: int
) -> torch.Tensor:
    """Textures (B, 3, H, W) in 0..1."""
    windows = [_window(photos[draws.integer(len(photos))], draws, height, width)
               for _ in range(count)]
    found = torch.stack(windows).to(draws.device)
    found = (found * (1 + draws.uniform(-0.2, 0.2, count, 3, 1, 1))).clamp(0, 1)
    chosen = draws.chance(_PROCEDURAL, count)
    number = int(chosen.sum())
    if number:
        found[chosen] = _patterns(draws, number, height, width)
    return _painted(draws, found)


def _window(photo: torch.Tensor, draws: Draws, height: int, width: int) -> torch.Tensor:
    """A window of a photograph, turned, mirrored and with other colours at random; on the CPU."""
    if draws.integer(4) == 0:
        photo = photo.transpose(1, 2)
    for axis, length in ((1, height), (2, width)):
        size = photo.shape[axis]
        start = draws.integer(max(1, size - length + 1))
        if size >= length:
            photo = photo.narrow(axis, start, length)
        else:  # a small photograph is repeated by reflection
            index = torch.arange(length) % (2 * size)
            photo = photo.index_select(axis, torch.where(index < size, index, 2 * size - 1 - index))
    if draws.integer(2):
        photo = photo.flip(2)
    if draws.integer(2):
        photo = photo[torch.randperm(3, generator=draws.generator)]
    return photo


def _patterns(draws: Draws, count: int, height: int, width: int) -> torch.Tensor:
    """Two colours mixed by noise, stripes or checks."""
    first, second = draws.uniform(0, 1, 2, count, 3, 1, 1)
    noise = draws.fractal(count, 1, height, width, draws.uniform(0.4, 0.95, count))
    x, y = pixel_grid(height, width, draws.device)
    angle = draws.uniform(0, math.pi, count, 1, 1, 1)
    rate = 2 * math.pi / draws.log_uniform(5, 60, count, 1, 1, 1)
    along = rate * (x * angle.cos() + y * angle.sin())
    across = rate * (y * angle.cos() - x * angle.sin())
    bend = noise * draws.uniform(0, 1.0, count, 1, 1, 1)
    stripes = torch.sin(along + bend)
    checks = torch.minimum(stripes, torch.sin(across))
    kind = draws.uniform(0, 3, count, 1, 1, 1).floor()
    level = torch.where(kind == 0, noise, torch.where(kind == 1, stripes, checks))
    weight = torch.sigmoid(level * draws.uniform(0.8, 6, count, 1, 1, 1))
    grain = draws.fractal(count, 3, height, width, draws.uniform(0.85, 0.95, count))
    grain = grain * draws.uniform(0, 0.08, count, 1, 1, 1)
    mixed: torch.Tensor = first + (second - first) * weight + grain
    return mixed.clamp(0, 1)


def _painted(draws: Draws, images: torch.Tensor) -> torch.Tensor:
    """Some textures at lower contrast on a plain colour, as on painted wood, cloth and walls."""
    count = len(images)
    colour = draws.uniform(0, 1, count, 1, 1, 1)
    colour = colour + draws.uniform(0, 1, count, 1, 1, 1) ** 2 * draws.uniform(
        -0.5, 0.5, count, 3, 1, 1
    )
    contrast = draws.log_uniform(0.1, 0.9, count, 1, 1, 1)
    grey = draws.uniform(0, 1, count, 1, 1, 1)
    centred = images - images.mean((2, 3), keepdim=True)
    centred = centred + grey * (centred.mean(1, keepdim=True) - centred)
    painted = (colour + contrast * centred).clamp(0, 1)
    return torch.where(draws.chance(_PAINTED, count).view(-1, 1, 1, 1), painted, images)
