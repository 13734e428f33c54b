"""Pictures of flow: frame, truth, estimate and error beside each other, and the colour wheel."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from luts.files import atomic_path
from supernet.data.colour import flow_colours
from supernet.data.pairs import FlowPair

_GAP = 4
_LARGEST_ERROR_PX = 5.0
_GREY = 128
Picture = npt.NDArray[np.uint8]


def write_pictures(folder: Path, data: str, pair: FlowPair, flow: torch.Tensor) -> Path:
    """Writes ``DATA_GROUP_PAIR.png``: frame 1, true flow, estimated flow, error.

    Both flows share one scale (the 99th percentile of the true speed). Errors run from black to
    white at 5 px; where the flow is not known, truth and error are grey.

    Args:
        folder: exists.
        data: name of the data set.
        pair: with truth.
        flow: estimated, (1, 2, H, W).
    """
    known = pair.valid[0].numpy() > 0.5
    truth, guess = (one[0].permute(1, 2, 0).numpy() for one in (pair.flow, flow))
    speed = np.hypot(truth[..., 0], truth[..., 1])[known]
    largest_px = float(np.percentile(speed, 99)) if speed.size else 1.0
    error = np.hypot(*np.moveaxis(guess - truth, 2, 0)) / _LARGEST_ERROR_PX
    grey = np.repeat(np.clip(255 * error, 0, 255).astype(np.uint8)[..., None], 3, 2)
    unknown = np.full_like(grey, _GREY)
    panels = [
        pair.frame1[0].permute(1, 2, 0).round().numpy().astype(np.uint8),
        np.where(known[..., None], flow_colours(truth, largest_px), unknown),
        flow_colours(guess, largest_px),
        np.where(known[..., None], grey, unknown),
    ]
    name = "_".join(part for part in (data, pair.group, pair.name) if part)
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.png"
    _save(path, _beside(panels))
    return path


def write_wheel(folder: Path, size: int = 151) -> Path:
    """Writes ``wheel.png``, the key to the colours: the flow that points outward everywhere."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    flow = np.stack(np.meshgrid(axis, axis), 2)
    inside = np.hypot(flow[..., 0], flow[..., 1])[..., None] <= 1
    path = folder / "wheel.png"
    _save(path, np.where(inside, flow_colours(flow, 1.0), np.uint8(255)))
    return path


def _beside(panels: list[Picture]) -> Picture:
    gap = np.full((panels[0].shape[0], _GAP, 3), 255, np.uint8)
    parts = [part for panel in panels for part in (panel, gap)]
    return np.concatenate(parts[:-1], 1)


def _save(path: Path, pixels: Picture) -> None:
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")
