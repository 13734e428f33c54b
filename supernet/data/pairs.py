"""Folders of real pairs: one subfolder a pair with two frames and their flow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch

from luts.errors import CorruptFileError, UserError
from supernet.data.formats import read_flow

_FRAME_SUFFIXES = (".png", ".ppm", ".jpg", ".jpeg")
_FLOW_SUFFIXES = (".npz", ".flo", ".pfm", ".png")


@dataclass(frozen=True, slots=True)
class FlowPair:
    """One pair with ground truth.

    Attributes:
        name: of its folder.
        frame1: (1, 3, H, W), 0..255.
        frame2: (1, 3, H, W), 0..255.
        flow: (1, 2, H, W), pixels.
        valid: (1, H, W), 1 where the flow is known.
    """

    name: str
    frame1: torch.Tensor
    frame2: torch.Tensor
    flow: torch.Tensor
    valid: torch.Tensor


def read_pairs(folder: Path, only: Collection[str] | None = None) -> list[FlowPair]:
    """Reads every subfolder that holds frame1, frame2 and flow, sorted by name.

    Args:
        folder: of the subfolders.
        only: names of the subfolders to read (None: all).

    Raises:
        UserError: no folder, no pair, a name that is not there, or broken pairs; all broken ones
            are listed at once.
    """
    if not folder.is_dir():
        raise UserError(f"no folder '{folder}'")
    found, broken, names = [], [], []
    for child in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = [
            _first(child, "frame1", _FRAME_SUFFIXES), _first(child, "frame2", _FRAME_SUFFIXES),
            _first(child, "flow", _FLOW_SUFFIXES),
        ]
        frame1, frame2, flow = files
        if frame1 is None or frame2 is None or flow is None:
            continue
        names.append(child.name)
        if only is not None and child.name not in only:
            continue
        try:
            found.append(_read_pair(child.name, frame1, frame2, flow))
        except UserError as error:
            broken.append(str(error))
    if broken:
        raise CorruptFileError(f"{len(broken)} broken pairs in '{folder}': {'; '.join(broken)}")
    unknown = sorted(set(only or ()) - set(names))
    if unknown:
        raise UserError(f"'{folder}' has no pair {', '.join(unknown)}; it has {', '.join(names)}")
    if not found:
        raise UserError(
            f"folder '{folder}' holds no pair; each is a subfolder with frame1.png, frame2.png "
            "and flow.npz (or .flo, .pfm, KITTI .png)"
        )
    return found


def read_frame(path: Path) -> torch.Tensor:
    """An image as (1, 3, H, W) in 0..255.

    Raises:
        CorruptFileError: not a readable image.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"), np.float32)
    except (UnidentifiedImageError, OSError) as error:
        raise CorruptFileError(f"'{path}' is not a readable image ({error})") from None
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def _first(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path | None:
    return next((p for s in suffixes if (p := folder / f"{stem}{s}").is_file()), None)


def _read_pair(name: str, frame1: Path, frame2: Path, flow: Path) -> FlowPair:
    one, two = read_frame(frame1), read_frame(frame2)
    motion, valid = read_flow(flow)
    if not one.shape[2:] == two.shape[2:] == motion.shape[:2]:
        raise CorruptFileError(
            f"'{name}': frames {tuple(one.shape[2:])} and {tuple(two.shape[2:])}, "
            f"flow {motion.shape[:2]}"
        )
    return FlowPair(
        name, one, two, torch.from_numpy(motion).permute(2, 0, 1)[None].contiguous(),
        torch.from_numpy(valid)[None].float(),
    )
