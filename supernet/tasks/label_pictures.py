"""Pictures of classification: the image, and what a network takes it for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supernet.accuracy import Array, Image

SIDE = 224
_ROWS = 5
_RIGHT, _WRONG, _INK, _PAPER = (18, 165, 148), (229, 115, 45), (40, 48, 60), (248, 249, 251)


def shown(image: Array) -> Image:
    """An image (3, H, W) in 0..255 enlarged to the height of a panel, pixels kept square."""
    from PIL import Image as Pillow

    pixels = image.transpose(1, 2, 0).astype(np.uint8)
    width = round(SIDE * pixels.shape[1] / pixels.shape[0])
    return np.array(Pillow.fromarray(pixels).resize((width, SIDE), Pillow.Resampling.NEAREST))


def answer(logits: Array, classes: Sequence[str], truth: int) -> Image:
    """Bars of the likeliest classes; the true one has another colour.

    Args:
        logits: shape ``(classes,)``.
        classes: their names.
        truth: index of the true one.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    shares = np.exp(logits - logits.max())
    shares = shares / shares.sum()
    picture = Pillow.new("RGB", (SIDE, SIDE), _PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    height = SIDE // _ROWS
    for row, index in enumerate(np.argsort(-shares)[:_ROWS].tolist()):
        top, share = row * height + 4, float(shares[index])
        draw.text((8, top), f"{classes[index][:20]}  {share:.0%}", _INK, font)
        colour = _RIGHT if index == truth else _WRONG
        draw.rectangle((8, top + 18, 8 + round(share * (SIDE - 16)), top + 30), colour)
    return np.array(picture)
