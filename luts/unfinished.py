"""Journals of measurements that were broken off, for commands that keep nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from luts.errors import UserError
from luts.files import Journal, writable_folder


@contextmanager
def unfinished(path: Path, *, resume: bool, force: bool) -> Iterator[Journal]:
    """Yields a journal that is deleted when the work ends well, and stays when it does not.

    Args:
        path: its file, whose name says what is measured: another table or seed has another.
        resume: go on with the records that lie there.
        force: discard them.

    Raises:
        UserError: records lie there and neither is asked for, or the folder cannot be written.
        CorruptFileError: the journal is damaged.
    """
    writable_folder(path.parent)
    if force:
        path.unlink(missing_ok=True)
    journal = Journal(path)
    try:
        if journal.records and not resume:
            raise UserError(f"'{path}' holds {len(journal.records)} measurements that were broken "
                            "off; continue with --resume, or start again with --force")
        yield journal
    finally:
        journal.close()
        if not journal.records:
            path.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
