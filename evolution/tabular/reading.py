"""Columns of gzipped CSV files."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from luts.errors import CorruptFileError, UserError


def read_columns(path: Path, needed: Sequence[str] = ()) -> dict[str, Any]:
    """Columns as numpy arrays, by name.

    Args:
        path: a gzipped CSV file with a header.
        needed: columns that must be there.

    Raises:
        UserError: there is no such file, or it lacks a column.
        CorruptFileError: it is damaged.
    """
    import pyarrow
    from pyarrow import csv

    if not path.is_file():
        raise UserError(f"no file '{path}'; the folder of public data lacks it")
    try:
        with gzip.open(path) as file:
            table = csv.read_csv(file)
    except (OSError, EOFError, pyarrow.ArrowInvalid) as error:
        raise CorruptFileError(f"{path} cannot be read ({error})") from None
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise UserError(f"{path} has no column '{missing[0]}'; it has: "
                        f"{', '.join(table.column_names)}")
    return {name: table[name].to_numpy() for name in table.column_names}
