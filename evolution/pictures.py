"""Pictures of what winner and reference see, kept as PNG files in the run folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evolution.export import BEST, REFERENCE, onnx_predict
from luts.errors import CorruptFileError
from luts.files import atomic_path, read_json, write_json

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource

FOLDER, INDEX = "pictures", "index.json"
_EXAMPLES = 3


def save_pictures(accuracy: AccuracySource, folder: Path, threads: int) -> None:
    """Runs the exported networks on validation examples and draws what they see.

    Args:
        accuracy: gives the examples and draws them.
        folder: the run folder; holds both exported networks.
        threads: threads to run them on.
    """
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    predictors = {
        "searched": onnx_predict(folder / BEST, threads),
        "reference": onnx_predict(folder / REFERENCE, threads),
    }
    index = []
    for number, panels in enumerate(accuracy.pictures(predictors, _EXAMPLES), start=1):
        row: list[list[str]] = []
        for title, pixels in panels.items():
            slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
            name = f"example{number}-{len(row)}-{slug}.png"
            _write_png(place / name, pixels)
            row.append([title, name])
        index.append(row)
    write_json(place / INDEX, {"caption": accuracy.caption, "examples": index})


def read_pictures(folder: Path) -> list[list[tuple[str, Path]]]:
    """Panels of each example as title and file; empty when the run drew none.

    Raises:
        CorruptFileError: the index is damaged, or names a file that is not there.
    """
    place = folder / FOLDER
    if not (place / INDEX).exists():
        return []
    examples = []
    for row in _index(place)["examples"]:
        examples.append([(str(title), place / Path(name).name) for title, name in row])
        for _, path in examples[-1]:
            if not path.is_file():
                raise CorruptFileError(f"{place / INDEX} names {path.name}, which is not there")
    return examples


def read_caption(folder: Path) -> str:
    """What the pictures show; empty when the run drew none.

    Raises:
        CorruptFileError: the index is damaged.
    """
    place = folder / FOLDER
    return str(_index(place)["caption"]) if (place / INDEX).exists() else ""


def _index(place: Path) -> dict[str, Any]:
    held = read_json(place / INDEX)
    if isinstance(held, list):  # as runs of flow kept it before there were captions
        return {"caption": "", "examples": held}
    if not isinstance(held, dict) or set(held) != {"caption", "examples"}:
        raise CorruptFileError(f"{place / INDEX} is damaged")
    return held


def _write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")
