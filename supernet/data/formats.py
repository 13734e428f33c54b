"""Readers and writers of flow files: Middlebury .flo, .pfm, KITTI 16-bit PNG, .npz."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luts.errors import CorruptFileError, UserError

Flow = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

FLO_MAGIC = 202021.25
_UNKNOWN_FLOW = 1e9
_LARGEST_SIDE = 1 << 15


def read_flow(path: Path) -> tuple[Flow, Mask]:
    """Reads a flow file by its suffix.

    Returns:
        Flow (H, W, 2) in pixels and valid (H, W); flow is 0 where it is not valid.

    Raises:
        UserError: no such file, or an unknown suffix.
        CorruptFileError: truncated or inconsistent.
    """
    readers = {".flo": read_flo, ".pfm": read_pfm_flow, ".png": read_kitti, ".npz": read_npz}
    if path.suffix.lower() not in readers:
        raise UserError(f"'{path}' is not a flow file; known: {', '.join(readers)}")
    if not path.is_file():
        raise UserError(f"no flow file '{path}'")
    return readers[path.suffix.lower()](path)


def read_flo(path: Path) -> tuple[Flow, Mask]:
    """Middlebury's format: magic, width, height, then u, v interleaved, little-endian."""
    data = path.read_bytes()
    if len(data) < 12 or struct.unpack_from("<f", data)[0] != FLO_MAGIC:
        raise CorruptFileError(f"'{path}' does not begin like a .flo file")
    width, height = struct.unpack_from("<ii", data, 4)
    _check_size(path, height, width)
    if len(data) != 12 + 8 * height * width:
        raise CorruptFileError(
            f"'{path}' says {width}x{height} and holds {len(data) - 12} bytes of flow, "
            f"not {8 * height * width}"
        )
    flow = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)
    return _masked(flow, (np.abs(flow) < _UNKNOWN_FLOW).all(2))


def write_flo(path: Path, flow: Flow) -> None:
    """Writes Middlebury's format from flow (H, W, 2)."""
    height, width = flow.shape[:2]
    header = struct.pack("<fii", FLO_MAGIC, width, height)
    path.write_bytes(header + np.ascontiguousarray(flow, "<f4").tobytes())


def read_pfm(path: Path) -> npt.NDArray[np.float32]:
    """A portable float map, (H, W) or (H, W, 3), first row on top."""
    data = path.read_bytes()
    header = re.match(rb"(PF|Pf)\s+(\d+)\s+(\d+)\s+(-?[\d.eE+-]+)\s", data)
    if header is None:
        raise CorruptFileError(f"'{path}' does not begin like a .pfm file")
    channels = 3 if header[1] == b"PF" else 1
    width, height = int(header[2]), int(header[3])
    _check_size(path, height, width)
    kind = "<f4" if float(header[4]) < 0 else ">f4"
    if len(data) - header.end() != 4 * channels * height * width:
        raise CorruptFileError(f"'{path}' is not {width}x{height}x{channels} floats long")
    values = np.frombuffer(data, kind, offset=header.end()).astype(np.float32)
    return np.flipud(values.reshape(height, width, channels)).squeeze(2 if channels == 1 else ())


def read_pfm_flow(path: Path) -> tuple[Flow, Mask]:
    """Flow in the first two channels of a .pfm (FlyingThings3D)."""
    values = read_pfm(path)
    if values.ndim != 3:
        raise CorruptFileError(f"'{path}' has one channel; flow needs two of three")
    return _masked(values[..., :2].copy(), np.isfinite(values[..., :2]).all(2))


def read_kitti(path: Path) -> tuple[Flow, Mask]:
    """KITTI's 16-bit PNG: u, v as 64 (value) + 2^15, and a valid channel."""
    values = _read_png16(path)
    flow = (values[..., :2].astype(np.float32) - 2**15) / 64
    return _masked(flow, values[..., 2] > 0)


def write_kitti(path: Path, flow: Flow, valid: Mask) -> None:
    """Writes KITTI's 16-bit PNG from flow (H, W, 2) within +-512 px and valid (H, W)."""
    import png

    height, width = valid.shape
    values = np.zeros((height, width, 3), np.uint16)
    values[..., :2] = np.clip(np.round(64 * flow + 2**15), 0, 2**16 - 1)
    values[..., 2] = valid
    with path.open("wb") as file:
        writer = png.Writer(width, height, greyscale=False, bitdepth=16)
        writer.write(file, values.reshape(height, 3 * width).tolist())


def write_pfm(path: Path, values: npt.NDArray[np.float32]) -> None:
    """Writes a portable float map of three channels, (H, W, 3), little-endian."""
    height, width = values.shape[:2]
    body = np.ascontiguousarray(np.flipud(values), "<f4").tobytes()
    path.write_bytes(f"PF\n{width} {height}\n-1.0\n".encode() + body)


def read_npz(path: Path) -> tuple[Flow, Mask]:
    """Arrays ``flow`` (H, W, 2) and, if known, ``valid`` (H, W)."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            flow = np.asarray(arrays["flow"], np.float32)
            valid = arrays["valid"] if "valid" in arrays else np.isfinite(flow).all(2)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CorruptFileError(f"'{path}' is not a flow archive ({error})") from None
    if flow.ndim != 3 or flow.shape[2] != 2 or valid.shape != flow.shape[:2]:
        raise CorruptFileError(f"'{path}' holds flow of shape {flow.shape}, not (H, W, 2)")
    return _masked(flow, np.asarray(valid, bool))


def _masked(
    flow: npt.NDArray[np.floating], valid: npt.NDArray[np.bool_] | np.bool_
) -> tuple[Flow, Mask]:
    known = np.asarray(valid, bool)
    return np.where(known[..., None], flow, 0).astype(np.float32), known


def _check_size(path: Path, height: int, width: int) -> None:
    if not (0 < height <= _LARGEST_SIDE and 0 < width <= _LARGEST_SIDE):
        raise CorruptFileError(f"'{path}' says that it is {width}x{height}")


def _read_png16(path: Path) -> npt.NDArray[np.uint16]:
    """A 16-bit RGB PNG, (H, W, 3).

    Pillow delivers 8 bits of 16; asked once as for the usual byte order and once as for the other,
    it delivers the high and the low ones, some ten times faster than a decoder in Python.
    """
    planes = [_png_plane(path, order) for order in ("RGB;16B", "RGB;16L")]
    return planes[0].astype(np.uint16) * np.uint16(256) + planes[1].astype(np.uint16)


def _png_plane(path: Path, order: str) -> npt.NDArray[np.uint8]:
    from PIL import Image, ImageFile, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            held = image.tile[0] if isinstance(image, ImageFile.ImageFile) and image.tile else None
            if held is None or image.format != "PNG" or held[3] != "RGB;16B":
                raise CorruptFileError(f"'{path}' is not 16-bit colour as KITTI's flow is")
            _check_size(path, image.height, image.width)
            image.tile = [ImageFile._Tile(held[0], held[1], held[2], order)]  # type: ignore[attr-defined]
            return np.asarray(image, np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError, zlib.error) as error:
        raise CorruptFileError(f"'{path}' is not a readable PNG ({error})") from None
