"""Photographs that textures are cut from: those that installed packages ship, and folders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import torch
from torch.nn import functional as F

from luts.errors import UserError

_SKIMAGE = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png",
    "coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png",
    "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip
_SKLEARN = ("china.jpg", "flower.jpg")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".webp")
_SMALLEST = 160


def _read(path: Path) -> torch.Tensor:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"'{path}' is not a readable image ({error})") from None
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def _pyramid(image: torch.Tensor) -> list[torch.Tensor]:
    """Halvings of a photograph down to about the size of a crop, sharpest first."""
    levels = [image]
    while min(levels[-1].shape[1:]) >= 2 * _SMALLEST:
        levels.append(F.avg_pool2d(levels[-1][None], 2)[0])
    return levels


@cache
def bundled_photos() -> tuple[torch.Tensor, ...]:
    """Photographs from scikit-image and scikit-learn at several scales, each (3, H, W) in 0..1."""
    paths = [Path(str(files("skimage.data") / name)) for name in _SKIMAGE]
    paths += [Path(str(files("sklearn.datasets.images") / name)) for name in _SKLEARN]
    return _bank(paths)


def folder_photos(folder: Path) -> tuple[torch.Tensor, ...]:
    """Photographs from a folder that the user names, each (3, H, W) in 0..1.

    Raises:
        UserError: the folder is absent, holds no image, or one of them cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"no folder '{folder}'")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not paths:
        raise UserError(f"folder '{folder}' holds no image ({', '.join(_SUFFIXES)})")
    return _bank(paths)


def _bank(paths: Sequence[Path]) -> tuple[torch.Tensor, ...]:
    bank: list[torch.Tensor] = []
    for path in paths:
        bank += _pyramid(_read(path))
    return tuple(bank)
