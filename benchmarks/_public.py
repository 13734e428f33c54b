"""Public data that the benchmarks read: where it lies, and its rows."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

from luts.errors import UserError

DATA_VARIABLE = "METRONAS_DATA"


def data_folder(given: Path | None) -> Path:
    """The folder that was given, or the one that the environment names.

    Raises:
        UserError: there is no such folder.
    """
    named = os.environ.get(DATA_VARIABLE)
    folder = given or (Path(named) if named else Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        raise UserError(f"no folder '{folder}'; name one with --data or ${DATA_VARIABLE}")
    return folder


def read_rows(path: Path) -> dict[str, Any]:
    """Columns of a gzipped CSV file as numpy arrays.

    Raises:
        UserError: there is no such file.
    """
    from pyarrow import csv

    if not path.is_file():
        raise UserError(f"no file '{path}'; the folder of public data lacks it")
    with gzip.open(path) as file:
        table = csv.read_csv(file)
    return {name: table[name].to_numpy() for name in table.column_names}
