"""A folder of Parquet files whose digests its sidecar holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luts import _parquet
from luts.files import sha256, writable_folder
from luts.sealed import check_files

Columns = Mapping[str, str]
Rows = Sequence[Mapping[str, Any]]


def write_sheets(folder: Path, sheets: Mapping[str, tuple[Columns, Rows]]) -> dict[str, str]:
    """Writes files; the sidecar that vouches for them has to come after them.

    Args:
        folder: where they lie.
        sheets: file name to its columns and rows.

    Returns:
        File name to hex digest.

    Raises:
        UserError: the folder cannot be written.
    """
    writable_folder(folder)
    for name, (columns, rows) in sheets.items():
        _parquet.write(folder / name, columns, rows)
    return {name: sha256(folder / name) for name in sheets}


def read_sheets(
    folder: Path, sheets: Mapping[str, Columns], digests: Mapping[str, str], *, again: str
) -> list[list[dict[str, Any]]]:
    """Rows of each file.

    Args:
        folder: where they lie.
        sheets: file name to its columns.
        digests: file name to the digest that the sidecar holds.
        again: what to do where one is no good.

    Raises:
        CorruptFileError: a file is absent, truncated, edited, or of other columns.
    """
    check_files(folder, {name: digests.get(name) for name in sheets}, again=again)
    return [_parquet.read(folder / name, columns) for name, columns in sheets.items()]
