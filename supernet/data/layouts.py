"""Folder layouts in which flow data sets are published, and the layout of a user's own pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from supernet.data import protocols, published
from supernet.data.headers import IMAGE_SUFFIXES
from supernet.data.pairs import PairFiles
from supernet.data.protocols import Protocol
from supernet.data.splits import every

_FLOW_SUFFIXES = (".npz", ".flo", ".pfm", ".png")


@dataclass(frozen=True, slots=True)
class Layout:
    """One data set's layout.

    Attributes:
        name: as recipes and reports call it.
        shape: what its folder looks like, for messages.
        fits: whether a folder has this layout.
        pairs: lists the pairs of such a folder, sorted; files that ought to be there are listed
            whether or not they are.
        protocol: how it is scored.
    """

    name: str
    shape: str
    fits: Callable[[Path], bool]
    pairs: Callable[[Path], list[PairFiles]]
    protocol: Protocol


def _own_fits(folder: Path) -> bool:
    return any(_own_pair(path) is not None for path in _folders(folder))


def _own(folder: Path) -> list[PairFiles]:
    """Every tenth pair is held out."""
    found = [pair for path in _folders(folder) if (pair := _own_pair(path)) is not None]
    return [
        PairFiles(path.name, *files, split=split, sparse=files[2].suffix.lower() == ".png")
        for (path, files), split in zip(found, every(10, len(found)), strict=True)
    ]


def _own_pair(folder: Path) -> tuple[Path, tuple[Path, Path, Path]] | None:
    """The files of NAME/; None where it has none of them, absent ones under their usual name."""
    kinds = (("frame1", IMAGE_SUFFIXES), ("frame2", IMAGE_SUFFIXES), ("flow", _FLOW_SUFFIXES))
    held = [_first(folder, stem, suffixes) for stem, suffixes in kinds]
    if not any(held):
        return None
    one, two, flow = (path or folder / f"{kind[0]}{kind[1][0]}"
                      for path, kind in zip(held, kinds, strict=True))
    return folder, (one, two, flow)


def _first(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path | None:
    return next((p for s in suffixes if (p := folder / f"{stem}{s}").is_file()), None)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("chairs", "data/00001_img1.ppm, 00001_img2.ppm, 00001_flow.flo",
               published.chairs_fits, published.chairs_pairs, protocols.CHAIRS),
        Layout("things", "frames_cleanpass/TRAIN/A/0000/left/0006.png, optical_flow/TRAIN/…",
               published.things_fits, published.things_pairs, protocols.THINGS),
        Layout("sintel", "training/clean/alley_1/frame_0001.png, training/flow/…",
               published.sintel_fits, published.sintel_pairs, protocols.SINTEL),
        Layout("kitti", "training/image_2/000000_10.png, training/flow_occ/000000_10.png",
               published.kitti_fits, published.kitti_pairs, protocols.KITTI),
        Layout("hd1k", "hd1k_input/image_2/000000_0000.png, hd1k_flow_gt/flow_occ/…",
               published.hd1k_fits, published.hd1k_pairs, protocols.HD1K),
        Layout("pairs", "NAME/frame1.png, frame2.png, flow.npz (or .flo, .pfm, KITTI .png)",
               _own_fits, _own, protocols.OWN),
    )
}
