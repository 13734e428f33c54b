"""Whether a run can go where it is to go, looked at before anything is written."""

from __future__ import annotations

from pathlib import Path

from evolution.folder import RECIPE, RESULT, SETTINGS
from luts.errors import UserError
from luts.files import check_writable


def check_place(path: Path, *, resume: bool) -> None:
    """Refuses a place where a run cannot go, without writing anything there.

    Args:
        path: the run folder to be.
        resume: whether a run that is there is gone on with.

    Raises:
        UserError: it holds a run and is not resumed, it holds other files, or cannot be written.
    """
    if not resume and (path / RESULT).exists():
        raise UserError(f"'{path}' holds a finished run; choose another --out or --seed")
    if not resume and (path / SETTINGS).exists():
        raise UserError(f"'{path}' holds an unfinished run; add --resume or choose another --out")
    if path.is_dir() and not (path / SETTINGS).exists() and any(map(_foreign, path.iterdir())):
        raise UserError(f"'{path}' is not empty and holds no run; choose another --out")
    try:
        check_writable(path)
    except UserError as error:
        raise UserError(f"cannot make the run folder '{path}': {error}") from None


def _foreign(path: Path) -> bool:
    """Whether a file is none of those that a run killed at its very start leaves behind."""
    return path.name != RECIPE and not path.name.startswith(".")
