"""Benchmarks that keep what they measured: a journal that begins with what it is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luts.errors import UserError
from luts.files import Journal, writable_folder


def opened(path: Path, settings: dict[str, Any], *, resume: bool) -> tuple[Journal, int]:
    """Opens a journal whose first record is what decides its results.

    Args:
        path: the journal; its folder is made.
        settings: what decides the results, as JSON gives it back.
        resume: whether results that are there are gone on with.

    Returns:
        The journal, and how many results it holds: all records but the first.

    Raises:
        UserError: it holds results that are not to be gone on with, or results of other settings.
        CorruptFileError: it is damaged.
    """
    writable_folder(path.parent)
    journal = Journal(path)
    results = len(journal.records) - 1
    if results > 0 and not resume:
        raise UserError(f"'{path}' holds {results} results; add --resume or choose another --out")
    if results > 0 and journal.records[0].get("settings") != settings:
        raise UserError(f"--resume: '{path}' was started with "
                        f"{journal.records[0].get('settings')}; repeat its options or choose "
                        "another --out")
    if results < 1:
        journal.rewrite([{"settings": settings}])
    return journal, max(results, 0)
