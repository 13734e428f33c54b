"""Which pairs of a data set are trained on and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from luts.errors import CorruptFileError
from supernet.data.pairs import Split

# The published file, and the name that RAFT's release gives it: a line a pair, 1 train, 2 held out.
_CHAIRS_FILES = ("FlyingChairs_train_val.txt", "chairs_split.txt")
_CHAIRS_CODES: dict[str, Split] = {"1": "train", "2": "val"}


def every(nth: int, count: int) -> list[Split]:
    """Numbers 0, ``nth``, 2 ``nth``, … are held out; a single one is trained on."""
    return ["val" if index % nth == 0 and count > 1 else "train" for index in range(count)]


def chairs_split_file(folder: Path) -> Path | None:
    """Where FlyingChairs' split is written: in its folder, or beside it."""
    places = (place / name for place in (folder, folder.parent) for name in _CHAIRS_FILES)
    return next((place for place in places if place.is_file()), None)


def chairs_split(folder: Path, names: Sequence[str]) -> list[Split]:
    """FlyingChairs' own split.

    Args:
        folder: of the data set.
        names: of the pairs, sorted, such as ``00001``.

    Returns:
        One entry a pair; by `every` 40th where the file is absent (the published one holds out
        640 of 22,872).

    Raises:
        CorruptFileError: it is too short, or holds other than 1 and 2.
    """
    path = chairs_split_file(folder)
    if path is None:
        return every(40, len(names))
    codes = path.read_text(encoding="ascii", errors="replace").split()
    unknown = sorted(set(codes) - set(_CHAIRS_CODES))
    if unknown:
        raise CorruptFileError(f"'{path}' holds '{unknown[0]}'; each line is 1 (train) or 2 (val)")
    # Line n is of pair n, so a part of the data set keeps its split.
    lines = [int(name) - 1 if name.isdigit() else -1 for name in names]
    wrong = [name for name, line in zip(names, lines, strict=True) if not 0 <= line < len(codes)]
    if wrong:
        raise CorruptFileError(f"'{path}' has {len(codes)} lines and none for pair {wrong[0]}")
    return [_CHAIRS_CODES[codes[line]] for line in lines]
