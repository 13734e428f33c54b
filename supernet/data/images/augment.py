"""Crops, mirror images and light of labelled images; everything is drawn from one generator."""

from __future__ import annotations

import math

import numpy as np
import torch

from supernet.data.images.sets import Pixels
from supernet.training.image_settings import AugmentSection

_TRIES = 10
_GREY = 128


def fitted(image: Pixels, height: int, width: int) -> Pixels:
    """Scales an image so that it covers a size, and cuts out the middle.

    Args:
        image: ``(h, w, 3)``.
        height: rows of the result.
        width: columns of the result.
    """
    if image.shape[:2] == (height, width):
        return image
    scale = max(height / image.shape[0], width / image.shape[1])
    rows, cols = (max(low, round(scale * n)) for low, n in
                  zip((height, width), image.shape[:2], strict=True))
    image = _resized(image, rows, cols)
    top, left = (rows - height) // 2, (cols - width) // 2
    return image[top : top + height, left : left + width]


def augmented(
    image: Pixels, height: int, width: int, how: AugmentSection, generator: torch.Generator, *,
    mirrored: bool,
) -> Pixels:
    """One image as training sees it.

    Args:
        image: ``(h, w, 3)``.
        height: rows of the result.
        width: columns of the result.
        how: amounts.
        generator: settles what is random.
        mirrored: whether mirror images belong to the same class.
    """
    draw = torch.rand(6, generator=generator).tolist()
    if how.crop == "resized":
        image = _resized_crop(image, height, width, how, generator)
    else:
        image = fitted(image, height, width)
        if how.crop == "pad" and how.pad > 0:
            image = _shifted(image, how.pad, draw[0], draw[1])
    if mirrored and how.flip and draw[2] < 0.5:
        image = image[:, ::-1]
    if how.light > 0:
        image = _relit(image, 1 + how.light * (2 * draw[3] - 1), 1 + how.light * (2 * draw[4] - 1))
    if how.erase > 0:
        place = torch.rand(2, generator=generator).tolist()
        image = _erased(image, how.erase, place[0], place[1])
    return np.ascontiguousarray(image)


def _resized(image: Pixels, rows: int, cols: int) -> Pixels:
    from PIL import Image

    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(
        (cols, rows), Image.Resampling.BILINEAR))


def _shifted(image: Pixels, pad: int, down: float, right: float) -> Pixels:
    """A window of the image with a black frame of ``pad`` pixels around it."""
    height, width = image.shape[:2]
    framed = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    top, left = int(down * (2 * pad + 1)), int(right * (2 * pad + 1))
    return framed[top : top + height, left : left + width]


def _resized_crop(
    image: Pixels, height: int, width: int, how: AugmentSection, generator: torch.Generator
) -> Pixels:
    """A window of random area and shape, scaled to the size (Szegedy et al., 2015)."""
    rows, cols = image.shape[:2]
    for _ in range(_TRIES):
        area, shape, down, right = torch.rand(4, generator=generator).tolist()
        share = how.smallest_area + (1 - how.smallest_area) * area
        ratio = math.exp((2 * shape - 1) * math.log(4 / 3)) * width / height
        h = round(math.sqrt(share * rows * cols / ratio))
        w = round(math.sqrt(share * rows * cols * ratio))
        if 0 < h <= rows and 0 < w <= cols:
            top, left = int(down * (rows - h + 1)), int(right * (cols - w + 1))
            return _resized(image[top : top + h, left : left + w], height, width)
    # So does the usual implementation when no window fits.
    return fitted(image, height, width)


def _relit(image: Pixels, brightness: float, contrast: float) -> Pixels:
    values = image.astype(np.float32) * brightness
    values = (values - values.mean()) * contrast + values.mean()
    lit: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return lit


def _erased(image: Pixels, side: int, down: float, right: float) -> Pixels:
    """A grey square whose middle lies anywhere (Cutout; DeVries and Taylor, 2017)."""
    y, x = int(down * image.shape[0]), int(right * image.shape[1])
    image = image.copy()
    image[max(0, y - side // 2) : y + (side + 1) // 2,
          max(0, x - side // 2) : x + (side + 1) // 2] = _GREY
    return image
