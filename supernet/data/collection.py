"""Flow data on disk: which data sets a folder holds, and which of their pairs are whole."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from luts.errors import CorruptFileError, UserError
from luts.progress import counted
from supernet.data.headers import flow_size, image_size
from supernet.data.layouts import LAYOUTS, Layout
from supernet.data.pairs import FlowPair, PairFiles, read_pair
from supernet.data.splits import chairs_split_file

_LISTED = 10
# Opening a file waits for the disk, not for the processor.
_THREADS = 16
_COUNTED_FROM = 500
_DEEPEST = 2
_MOST_FOLDERS = 2000


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set on disk.

    Attributes:
        layout: of its folder.
        folder: where it lies.
        pairs: sorted by group and name.
        notes: what its figures should be read with.
    """

    layout: Layout
    folder: Path
    pairs: tuple[PairFiles, ...]
    notes: tuple[str, ...] = ()

    def held_out(self) -> tuple[PairFiles, ...]:
        """Pairs that training leaves out."""
        return tuple(pair for pair in self.pairs if pair.split == "val")


def find_data(folder: Path) -> list[DataSet]:
    """The data sets in a folder: the folder itself, or folders in it two levels down.

    Raises:
        UserError: no folder, or nothing of a known layout in it; the message shows the layouts.
    """
    if not folder.is_dir():
        raise UserError(f"no folder '{folder}'")
    found, level, seen = [], [folder], 0
    for _ in range(_DEEPEST + 1):
        below: list[Path] = []
        for place in level:
            layout = next((one for one in LAYOUTS.values() if one.fits(place)), None)
            if layout is not None:
                found.append(_data_set(layout, place))
                continue
            seen += 1
            if seen <= _MOST_FOLDERS:
                below += sorted(path for path in place.iterdir() if path.is_dir())
        level = below
    if not found:
        shapes = "; ".join(f"{one.name}: {one.shape}" for one in LAYOUTS.values())
        raise UserError(f"folder '{folder}' holds no pair in a known layout ({shapes})")
    return found


def _data_set(layout: Layout, folder: Path) -> DataSet:
    notes = []
    if layout.name == "chairs" and chairs_split_file(folder) is None:
        notes.append(f"'{folder}' has no FlyingChairs_train_val.txt: every 40th pair is held out, "
                     "not the published 640")
    return DataSet(layout, folder, tuple(layout.pairs(folder)), tuple(notes))


def named(pairs: Sequence[PairFiles], only: Collection[str], folder: Path) -> list[PairFiles]:
    """The pairs with these names.

    Raises:
        UserError: there is no such pair.
    """
    known = {pair.name for pair in pairs}
    unknown = sorted(set(only) - known)
    if unknown:
        shown = ", ".join(sorted(known)[:_LISTED])
        more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
        raise UserError(f"'{folder}' has no pair {', '.join(unknown)}; it has {shown}{more}")
    return [pair for pair in pairs if pair.name in set(only)]


def check_pairs(pairs: Sequence[PairFiles], folder: Path) -> None:
    """Looks at the beginning and end of every file, before any is used.

    Raises:
        CorruptFileError: files are missing, broken or of different sizes: how many, and the first.
    """
    busy = len(pairs) >= _COUNTED_FROM or sys.stderr.isatty()
    problems: list[str] = []
    with ThreadPoolExecutor(_THREADS) as pool, (
        counted("checking pairs", len(pairs)) if busy else nullcontext(lambda: None)
    ) as advance:
        for problem in pool.map(_problem, pairs):
            advance()
            if problem is not None:
                problems.append(problem)
    if problems:
        shown = "; ".join(problems[:_LISTED])
        more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise CorruptFileError(
            f"{len(problems)} broken pairs of {len(pairs)} in '{folder}': {shown}{more}"
        )


def _problem(pair: PairFiles) -> str | None:
    found, wrong = set(), []
    for read, path in (
        (image_size, pair.frame1), (image_size, pair.frame2), (flow_size, pair.flow),
    ):
        try:
            found.add(read(path))
        except UserError as error:
            wrong.append(str(error))
    if not wrong and len(found) > 1:
        sizes = " and ".join(f"{width}x{height}" for height, width in sorted(found))
        wrong = [f"'{pair.name}' has files of {sizes}"]
    return ", ".join(wrong) or None


def read_pairs(folder: Path, only: Collection[str] | None = None) -> Iterator[FlowPair]:
    """Checks all pairs of a folder, whatever its layout, then reads one after the other.

    Args:
        folder: as for `find_data`.
        only: names of the pairs to read (None: all).

    Raises:
        UserError: no folder, no pair, a name that is not there, or broken pairs; all broken ones
            are counted at once.
    """
    pairs = [pair for held in find_data(folder) for pair in held.pairs]
    chosen = pairs if only is None else named(pairs, only, folder)
    check_pairs(chosen, folder)
    return map(read_pair, chosen)
