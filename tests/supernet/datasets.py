"""Tiny data sets in their published layouts."""

from pathlib import Path

import numpy as np
from PIL import Image

from supernet.data.formats import write_flo, write_kitti, write_pfm

SIZE = (24, 32)


def image(path: Path, seed: int = 0, size=SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def flow_of(seed: int = 0, size=SIZE) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=3, size=(*size, 2)).astype(np.float32)


def flow(path: Path, seed: int = 0, size=SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = flow_of(seed, size)
    if path.suffix == ".flo":
        write_flo(path, values)
    elif path.suffix == ".pfm":
        write_pfm(path, np.dstack([values, np.zeros(size, np.float32)]))
    elif path.suffix == ".png":
        write_kitti(path, values, np.random.default_rng(seed).random(size) < 0.5)
    else:
        np.savez(path, flow=values)


def chairs(root: Path, count: int = 5, size=SIZE) -> Path:
    data = root / "FlyingChairs_release" / "data"
    for number in range(1, count + 1):
        image(data / f"{number:05}_img1.ppm", number, size)
        image(data / f"{number:05}_img2.ppm", number + 50, size)
        flow(data / f"{number:05}_flow.flo", number, size)
    return root / "FlyingChairs_release"


def things(root: Path, passes=("clean", "final"), size=SIZE) -> Path:
    folder = root / "FlyingThings3D"
    for part in ("TRAIN", "TEST"):
        for number in range(6, 9):
            for group in passes:
                image(folder / f"frames_{group}pass" / part / f"A/0000/left/{number:04}.png",
                      number, size)
            for way, word in (("into_future", "IntoFuture"), ("into_past", "IntoPast")):
                flow(folder / "optical_flow" / part / "A/0000" / way
                     / f"left/OpticalFlow{word}_{number:04}_L.pfm", number, size)
    return folder


def sintel(root: Path, scenes=("alley_1", "market_2"), frames: int = 4, size=SIZE) -> Path:
    folder = root / "Sintel"
    for scene in scenes:
        for number in range(1, frames + 1):
            for group in ("clean", "final"):
                image(folder / "training" / group / scene / f"frame_{number:04}.png",
                      number, size)
            if number < frames:
                flow(folder / "training/flow" / scene / f"frame_{number:04}.flo", number, size)
    return folder


def kitti(root: Path, count: int = 6, size=SIZE) -> Path:
    folder = root / "KITTI" / "training"
    for number in range(count):
        image(folder / f"image_2/{number:06}_10.png", number, size)
        image(folder / f"image_2/{number:06}_11.png", number + 50, size)
        flow(folder / f"flow_occ/{number:06}_10.png", number, size)
    return root / "KITTI"


def hd1k(root: Path, sequences: int = 2, frames: int = 3, size=SIZE) -> Path:
    folder = root / "HD1K"
    for sequence in range(sequences):
        for number in range(frames):
            name = f"{sequence:06}_{number:04}.png"
            image(folder / "hd1k_input/image_2" / name, number, size)
            flow(folder / "hd1k_flow_gt/flow_occ" / name, number, size)
    return folder


def own(root: Path, count: int = 3, suffix: str = ".npz", size=SIZE) -> Path:
    folder = root / "mine"
    for number in range(count):
        image(folder / f"p{number}/frame1.png", number, size)
        image(folder / f"p{number}/frame2.jpg", number, size)
        flow(folder / f"p{number}/flow{suffix}", number, size)
    return folder
