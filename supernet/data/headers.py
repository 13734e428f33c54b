"""Sizes of images and flow files from their first and last bytes, without decoding them."""

from __future__ import annotations

import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from luts.errors import CorruptFileError, UserError
from supernet.data.formats import FLO_MAGIC

Size = tuple[int, int]  # rows, columns
_PNG = b"\x89PNG\r\n\x1a\n"
_HEAD, _TAIL = 1024, 1 << 16


def image_size(path: Path) -> Size:
    """Rows and columns of a frame.

    Raises:
        UserError: no such file, or an unknown suffix.
        CorruptFileError: it does not begin, or does not end, like an image of its suffix.
    """
    return _size(path, _IMAGES, "an image")


def flow_size(path: Path) -> Size:
    """Rows and columns of a flow file; errors as of `image_size`."""
    return _size(path, _FLOWS, "a flow file")


def _size(path: Path, readers: dict[str, Callable[[Path, BinaryIO, int], Size]], what: str) -> Size:
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"'{path}' is not {what}; known: {', '.join(readers)}")
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(0)
            height, width = reader(path, file, length)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"'{path}' is missing") from None
    except OSError as error:
        raise CorruptFileError(f"'{path}' cannot be read ({error.strerror or error})") from None
    if height <= 0 or width <= 0:
        raise CorruptFileError(f"'{path}' says that it is {width}x{height}")
    return height, width


def _flo(path: Path, file: BinaryIO, length: int) -> Size:
    head = file.read(12)
    if len(head) < 12 or struct.unpack_from("<f", head)[0] != FLO_MAGIC:
        raise CorruptFileError(f"'{path}' does not begin like a .flo file")
    width, height = struct.unpack_from("<ii", head, 4)
    _check_length(path, length, 12 + 8 * height * width, f"{width}x{height}")
    return height, width


def _pfm(path: Path, file: BinaryIO, length: int) -> Size:
    header = re.match(rb"(PF|Pf)\s+(\d+)\s+(\d+)\s+(-?[\d.eE+-]+)\s", file.read(_HEAD))
    if header is None or header[1] != b"PF":
        raise CorruptFileError(f"'{path}' does not begin like a .pfm file of three channels")
    width, height = int(header[2]), int(header[3])
    _check_length(path, length, header.end() + 12 * height * width, f"{width}x{height}")
    return height, width


def _ppm(path: Path, file: BinaryIO, length: int) -> Size:
    gap = rb"(?:\s|#[^\n]*\n)+"
    pattern = rb"P6" + gap + rb"(\d+)" + gap + rb"(\d+)" + gap + rb"(\d+)\s"
    header = re.match(pattern, file.read(_HEAD))
    if header is None:
        raise CorruptFileError(f"'{path}' does not begin like a binary .ppm image")
    width, height, deep = int(header[1]), int(header[2]), 1 + (int(header[3]) > 255)
    _check_length(path, length, header.end() + 3 * deep * height * width, f"{width}x{height}")
    return height, width


def _png(path: Path, file: BinaryIO, length: int) -> Size:
    return _png_header(path, file, length)[:2]


def _kitti(path: Path, file: BinaryIO, length: int) -> Size:
    height, width, depth, colour = _png_header(path, file, length)
    if (depth, colour) != (16, 2):
        raise CorruptFileError(f"'{path}' is not 16-bit colour as KITTI's flow is")
    return height, width


def _png_header(path: Path, file: BinaryIO, length: int) -> tuple[int, int, int, int]:
    head = file.read(26)
    if len(head) < 26 or not head.startswith(_PNG) or head[12:16] != b"IHDR":
        raise CorruptFileError(f"'{path}' does not begin like a .png image")
    if b"IEND" not in _end(file, length, 1024):
        raise CorruptFileError(f"'{path}' ends too early; it is not the whole .png image")
    width, height, depth, colour = struct.unpack_from(">IIBB", head, 16)
    return height, width, depth, colour


def _jpeg(path: Path, file: BinaryIO, length: int) -> Size:
    if b"\xff\xd9" not in _end(file, length, _TAIL):
        raise CorruptFileError(f"'{path}' ends too early; it is not the whole .jpg image")
    return _by_pillow(path, file, length)


def _by_pillow(path: Path, file: BinaryIO, length: int) -> Size:
    from PIL import Image, UnidentifiedImageError

    del length
    file.seek(0)
    try:
        with Image.open(file) as image:  # reads no pixel
            return image.height, image.width
    except (UnidentifiedImageError, OSError) as error:
        raise CorruptFileError(f"'{path}' is not a readable image ({error})") from None


def _npz(path: Path, file: BinaryIO, length: int) -> Size:
    import numpy as np

    del length
    try:
        with zipfile.ZipFile(file) as archive, archive.open("flow.npy") as entry:
            version = np.lib.format.read_magic(entry)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else (
                np.lib.format.read_array_header_2_0
            )
            shape = read(entry)[0]
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise CorruptFileError(f"'{path}' is not a flow archive ({error})") from None
    if len(shape) != 3 or shape[2] != 2:
        raise CorruptFileError(f"'{path}' holds flow of shape {shape}, not (H, W, 2)")
    return int(shape[0]), int(shape[1])


def _end(file: BinaryIO, length: int, count: int) -> bytes:
    file.seek(max(0, length - count))
    return file.read()


def _check_length(path: Path, length: int, expected: int, said: str) -> None:
    if length != expected:
        raise CorruptFileError(
            f"'{path}' says that it is {said} and holds {length} bytes, not {expected}"
        )


_IMAGES: dict[str, Callable[[Path, BinaryIO, int], Size]] = {
    ".png": _png, ".ppm": _ppm, ".jpg": _jpeg, ".jpeg": _jpeg, ".webp": _by_pillow,
    ".bmp": _by_pillow,
}  # fmt: skip
_FLOWS: dict[str, Callable[[Path, BinaryIO, int], Size]] = {
    ".flo": _flo, ".pfm": _pfm, ".png": _kitti, ".npz": _npz,
}  # fmt: skip
IMAGE_SUFFIXES = tuple(_IMAGES)
