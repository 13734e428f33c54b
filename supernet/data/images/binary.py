"""Images in few files: CIFAR's binary files, IDX files (MNIST and its kin), and npz archives."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luts.errors import CorruptFileError, UserError
from supernet.data.images.sets import ArrayImages, Images, ImageSet, stacked_labels

_CIFAR = 32 * 32 * 3
CIFAR10_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
NPZ_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_IDX_UNSIGNED = 8


def cifar10(folder: Path) -> ImageSet:
    """CIFAR-10's binary version: each record a label and 3 x 32 x 32 pixels.

    Raises:
        CorruptFileError: files are missing or have another length; all are named.
    """
    return _cifar(folder, CIFAR10_TRAIN, "test_batch.bin", 1, "batches.meta.txt", 10)


def cifar100(folder: Path) -> ImageSet:
    """CIFAR-100's binary version: each record a coarse and a fine label, and the pixels."""
    return _cifar(folder, ("train.bin",), "test.bin", 2, "fine_label_names.txt", 100)


def _cifar(
    folder: Path, train: tuple[str, ...], test: str, labels: int, names: str, classes: int
) -> ImageSet:
    problems, parts = [], {}
    for name in (*train, test):
        try:
            data = np.frombuffer((folder / name).read_bytes(), np.uint8)
        except FileNotFoundError:
            problems.append(f"'{name}' is missing")
            continue
        if not len(data) or len(data) % (_CIFAR + labels):
            problems.append(f"'{name}' has {len(data)} bytes, no multiple of {_CIFAR + labels}")
            continue
        parts[name] = data.reshape(-1, _CIFAR + labels)
    if problems:
        raise CorruptFileError(f"'{folder}': {'; '.join(problems)}")

    def images(files: tuple[str, ...]) -> Images:
        rows = np.concatenate([parts[name] for name in files])
        pixels = rows[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return ArrayImages(np.ascontiguousarray(pixels), rows[:, labels - 1])

    named = folder / names
    found = tuple(named.read_text().split()) if named.is_file() else ()
    if len(found) != classes:
        found = tuple(map(str, range(classes)))
    return ImageSet(folder.name, found, images(train), images((test,)))


def idx_set(folder: Path, name: str, classes: tuple[str, ...] = (), *, mirrored: bool = True
            ) -> ImageSet:
    """``train-images-idx3-ubyte`` and its three companions, each plain or ``.gz``.

    Args:
        folder: holds them.
        name: of the set.
        classes: names (none: numbers).
        mirrored: see `ImageSet`.

    Raises:
        CorruptFileError: files are missing or broken; all are named.
    """
    problems: list[str] = []
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            try:
                arrays[f"{part}-{kind}"] = read_idx(_idx_path(folder, f"{part}-{kind}-ubyte"))
            except UserError as error:
                problems.append(str(error))
    for part in ("train", "t10k"):
        images, labels = arrays.get(f"{part}-images-idx3"), arrays.get(f"{part}-labels-idx1")
        if images is not None and labels is not None and len(images) != len(labels):
            problems.append(f"{part}: {len(images)} images and {len(labels)} labels")
    if problems:
        raise CorruptFileError("; ".join(problems))
    train, test = (
        ArrayImages(arrays[f"{part}-images-idx3"], arrays[f"{part}-labels-idx1"])
        for part in ("train", "t10k")
    )
    count = int(max(train.labels.max(), test.labels.max())) + 1
    names = classes if len(classes) == count else tuple(map(str, range(count)))
    return ImageSet(name, names, train, test, mirrored)


def _idx_path(folder: Path, name: str) -> Path:
    packed = folder / f"{name}.gz"
    return packed if packed.is_file() else folder / name


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An IDX file of bytes: two zeros, the type 8, the number of axes, their lengths, the values.

    Raises:
        UserError: no such file.
        CorruptFileError: it is truncated or of another type.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"'{path}' is missing") from None
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptFileError(f"'{path}' cannot be unpacked ({error})") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _IDX_UNSIGNED:
        raise CorruptFileError(f"'{path}' does not begin like an IDX file of bytes")
    head = 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:head]) if len(data) >= head else ()
    if not shape or len(data) - head != math.prod(shape):
        raise CorruptFileError(f"'{path}' is truncated: {len(data)} bytes for shape {shape}")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def npz_set(path: Path) -> ImageSet:
    """An archive of arrays ``x_train``, ``y_train`` and, where there is a test part, ``x_test`` ….

    Images are bytes ``(N, H, W)`` or ``(N, H, W, 3)``; ``classes`` may name the labels.

    Raises:
        CorruptFileError: it cannot be read, or arrays are missing or of other shapes.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CorruptFileError(f"'{path}' is not a readable npz archive ({error})") from None
    wanted = NPZ_ARRAYS if {"x_test", "y_test"} & set(arrays) else NPZ_ARRAYS[:2]
    problems = [f"no array {name}" for name in wanted if name not in arrays]
    parts = []
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        if not {x, y} <= set(arrays):
            continue
        pixels, labels = arrays[x], arrays[y].reshape(-1)
        fits = pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] == 3)
        if pixels.dtype != np.uint8 or not fits:
            problems.append(f"{x} is {pixels.dtype} {pixels.shape}, not uint8 (N, H, W[, 3])")
        elif len(pixels) != len(labels) or labels.dtype.kind not in "iu":
            problems.append(f"{y} is {labels.dtype} {labels.shape} for {len(pixels)} images")
        else:
            parts.append(ArrayImages(pixels, labels))
    if problems:
        raise CorruptFileError(f"'{path}': {'; '.join(problems)}")
    count = int(stacked_labels([part.labels for part in parts]).max()) + 1
    classes = tuple(map(str, arrays["classes"])) if "classes" in arrays else ()
    return ImageSet(path.stem, classes or tuple(map(str, range(count))), parts[0],
                    parts[1] if len(parts) > 1 else None)
