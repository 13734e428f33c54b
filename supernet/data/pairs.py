"""One pair of frames with its flow: its files, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from luts.errors import CorruptFileError
from supernet.data.formats import read_flow

Split = Literal["train", "val"]


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where a pair lies.

    Attributes:
        name: unique within its data set and group.
        frame1: image.
        frame2: image.
        flow: from frame 1 to frame 2.
        group: part of the data set that is scored by itself, such as Sintel's ``clean``.
        split: whether it is trained on or held out.
        sparse: flow is known at scattered pixels only, as a laser scanner gives it.
        sequence: pairs of one sequence follow each other in time (empty: they do not).
    """

    name: str
    frame1: Path
    frame2: Path
    flow: Path
    group: str = ""
    split: Split = "train"
    sparse: bool = False
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class FlowPair:
    """One pair with ground truth.

    Attributes:
        name: as in `PairFiles`.
        frame1: (1, 3, H, W), 0..255.
        frame2: (1, 3, H, W), 0..255.
        flow: (1, 2, H, W), pixels.
        valid: (1, H, W), 1 where the flow is known.
        group: as in `PairFiles`.
        sequence: as in `PairFiles`.
    """

    name: str
    frame1: torch.Tensor
    frame2: torch.Tensor
    flow: torch.Tensor
    valid: torch.Tensor
    group: str = ""
    sequence: str = ""


def read_pair(files: PairFiles) -> FlowPair:
    """Reads a pair.

    Raises:
        UserError: a file is missing.
        CorruptFileError: one is broken, or sizes differ.
    """
    one, two = read_frame(files.frame1), read_frame(files.frame2)
    motion, valid = read_flow(files.flow)
    if not one.shape[2:] == two.shape[2:] == motion.shape[:2]:
        raise CorruptFileError(
            f"'{files.name}': frames {tuple(one.shape[2:])} and {tuple(two.shape[2:])}, "
            f"flow {motion.shape[:2]}"
        )
    return FlowPair(
        files.name, one, two, torch.from_numpy(motion).permute(2, 0, 1)[None].contiguous(),
        torch.from_numpy(valid)[None].float(), files.group, files.sequence,
    )


def read_frame(path: Path) -> torch.Tensor:
    """An image as (1, 3, H, W) in 0..255; grey ones in three equal channels.

    Raises:
        CorruptFileError: not a readable image.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise CorruptFileError(f"'{path}' is not a readable image ({error})") from None
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
