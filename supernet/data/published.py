"""Folder layouts in which FlyingChairs, FlyingThings3D, MPI-Sintel, KITTI-2015 and HD1K come."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from supernet.data.headers import IMAGE_SUFFIXES
from supernet.data.pairs import PairFiles, Split
from supernet.data.splits import chairs_split, every


def chairs_fits(folder: Path) -> bool:
    """Whether a folder, or ``data`` in it, holds FlyingChairs."""
    return next(_data(folder).glob("*_img1.ppm"), None) is not None


def _data(folder: Path) -> Path:
    return folder / "data" if (folder / "data").is_dir() else folder


def chairs_pairs(folder: Path) -> list[PairFiles]:
    """FlyingChairs, with its own split."""
    data = _data(folder)
    kinds = ("_img1.ppm", "_img2.ppm", "_flow.flo")
    names = sorted({
        path.name.removesuffix(kind) for kind in kinds for path in data.glob(f"*{kind}")
    })
    splits = chairs_split(folder, names)
    return [
        PairFiles(
            name, data / f"{name}_img1.ppm", data / f"{name}_img2.ppm",
            data / f"{name}_flow.flo", split=split,
        )
        for name, split in zip(names, splits, strict=True)
    ]


_PASSES = ("clean", "final")
# Direction of time, and its name within file names.
_DIRECTIONS = (("into_future", "IntoFuture"), ("into_past", "IntoPast"))


def things_fits(folder: Path) -> bool:
    """Whether a folder holds FlyingThings3D."""
    return (folder / "optical_flow").is_dir() and any(_things_frames(folder, p) for p in _PASSES)


def _things_frames(folder: Path, group: str) -> Path | None:
    places = (folder / f"frames_{group}pass{kind}" for kind in ("", "_webp"))
    return next((place for place in places if place.is_dir()), None)


def things_pairs(folder: Path) -> list[PairFiles]:
    """The left camera in both directions of time, as RAFT trains; TEST is held out."""
    found = []
    for group in _PASSES:
        frames = _things_frames(folder, group)
        if frames is None:
            continue
        for part, split in (("TRAIN", "train"), ("TEST", "val")):
            for scene in sorted((frames / part).glob("*/*")):
                shown = _images(scene / "left")
                place = scene.relative_to(frames)
                for way, word in _DIRECTIONS:
                    for one, two in _neighbours(shown, backward=way == "into_past"):
                        flow = folder / "optical_flow" / place / way / "left"
                        found.append(PairFiles(
                            f"{place.as_posix()}/{way}/{one.stem}", one, two,
                            flow / f"OpticalFlow{word}_{one.stem}_L.pfm", group,
                            _split(split),
                        ))
    return found


def _split(name: str) -> Split:
    return "val" if name == "val" else "train"


def _neighbours(frames: list[Path], *, backward: bool) -> Iterable[tuple[Path, Path]]:
    pairs = pairwise(frames)
    return ((two, one) for one, two in pairs) if backward else pairs


def sintel_fits(folder: Path) -> bool:
    """Whether a folder holds MPI-Sintel."""
    training = folder / "training"
    return (training / "flow").is_dir() and any((training / p).is_dir() for p in _PASSES)


def sintel_pairs(folder: Path) -> list[PairFiles]:
    """Both passes; every fifth scene is held out where something is held out (our choice)."""
    training, found = folder / "training", []
    for group in _PASSES:
        scenes = sorted(path for path in (training / group).glob("*") if path.is_dir())
        for scene, split in zip(scenes, every(5, len(scenes)), strict=True):
            for one, two in _neighbours(_images(scene), backward=False):
                flow = training / "flow" / scene.name / f"{one.stem}.flo"
                found.append(PairFiles(
                    f"{scene.name}/{one.stem}", one, two, flow, group, split,
                    sequence=f"{group}/{scene.name}",
                ))
    return found


def kitti_fits(folder: Path) -> bool:
    """Whether a folder holds KITTI-2015."""
    return all((folder / "training" / part).is_dir() for part in ("image_2", "flow_occ"))


def kitti_pairs(folder: Path) -> list[PairFiles]:
    """The 200 training pairs; number 0, 5, 10, … are held out, as FlowNAS does."""
    frames, flows = folder / "training" / "image_2", folder / "training" / "flow_occ"
    names = sorted({path.stem for place in (frames, flows) for path in place.glob("*_10.png")})
    return [
        PairFiles(
            name, frames / f"{name}.png", frames / f"{name.removesuffix('_10')}_11.png",
            flows / f"{name}.png", split=split, sparse=True,
        )
        for name, split in zip(names, every(5, len(names)), strict=True)
    ]


def hd1k_fits(folder: Path) -> bool:
    """Whether a folder holds HD1K."""
    return (folder / "hd1k_flow_gt").is_dir() and (folder / "hd1k_input").is_dir()


def hd1k_pairs(folder: Path) -> list[PairFiles]:
    """Neighbours of one sequence; every fifth sequence is held out (our choice)."""
    frames, flows = folder / "hd1k_input" / "image_2", folder / "hd1k_flow_gt" / "flow_occ"
    sequences: dict[str, list[Path]] = {}
    for path in _images(frames):
        sequences.setdefault(path.stem.rpartition("_")[0], []).append(path)
    splits = every(5, len(sequences))
    return [
        PairFiles(one.stem, one, two, flows / f"{one.stem}.png", split=split, sparse=True,
                  sequence=name)
        for (name, shown), split in zip(sequences.items(), splits, strict=True)
        for one, two in _neighbours(shown, backward=False)
    ]


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
