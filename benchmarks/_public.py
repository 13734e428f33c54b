"""Public data that the benchmarks read: where it lies, and its rows."""

from __future__ import annotations

import os
from pathlib import Path

from evolution.tabular.reading import read_columns as read_rows
from luts.errors import UserError

__all__ = ["DATA_VARIABLE", "data_folder", "read_rows"]

DATA_VARIABLE = "METRONAS_DATA"


def data_folder(given: Path | None) -> Path:
    """The folder that was given, or the one that the environment names.

    Raises:
        UserError: none was named, or it is not there.
    """
    named = os.environ.get(DATA_VARIABLE)
    if given is None and not named:
        raise UserError(f"name the folder of public data with --data or ${DATA_VARIABLE}")
    folder = given or Path(str(named))
    if not folder.is_dir():
        raise UserError(f"no folder '{folder}'; name one with --data or ${DATA_VARIABLE}")
    return folder
