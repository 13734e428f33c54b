"""Whether a training can go where it is to go, looked at before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

from luts.errors import UserError
from supernet.training.run import DATA_FILE, RUN_FILE


def check_place(folder: Path) -> None:
    """Refuses a folder that holds other things than trainings.

    Args:
        folder: of the training to be.

    Raises:
        UserError: it is not empty, and neither holds a training.
    """
    if not folder.is_dir() or any(any(folder.glob(f"{to}/{RUN_FILE}")) for to in ("*", "*/*")):
        return
    if any(_foreign(path) for path in folder.iterdir()):
        raise UserError(f"'{folder}' is not empty and holds no training; choose another --out")


def _foreign(path: Path) -> bool:
    """Whether something is none of what a training killed at its very start leaves behind."""
    if path.name.startswith(".") or path.name == DATA_FILE:
        return False
    return not (path.is_dir() and os.access(path, os.R_OK)) or any(path.iterdir())
