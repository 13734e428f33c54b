"""Files that are whole or absent: atomic writes, append-only journals, checked names."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from luts.errors import CorruptFileError, UserError

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` that is renamed to it when the block succeeds."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON atomically; NaN and infinities are refused."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        UserError: the file is absent.
        CorruptFileError: it is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"no file {path}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise CorruptFileError(f"{path} is not valid JSON ({error})") from None


def read_facts(path: Path, *names: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: its file.
        names: what it must hold.

    Raises:
        UserError: the file is absent.
        CorruptFileError: it is no JSON object, or lacks some of these.
    """
    held = read_json(path)
    if not isinstance(held, dict):
        raise CorruptFileError(f"{path} is no JSON object")
    lacking = [name for name in names if name not in held]
    if lacking:
        raise CorruptFileError(f"{path} lacks {', '.join(lacking)}")
    return held


class Journal:
    """Append-only JSON lines; every record is on disk when `append` returns.

    A torn last line, left by a killed process, is cut off when the journal is opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[dict[str, Any]] = []
        if path.exists():
            self.records, good = _whole_records(path)
            if good < path.stat().st_size:
                os.truncate(path, good)
        self._file = path.open("ab", buffering=0)

    def append(self, record: dict[str, Any]) -> None:
        """Adds one record, flushed and synced.

        Raises:
            OSError: it cannot be written; it names the file.
        """
        try:
            # Unbuffered: what a full disk refused must not be written later, at closing.
            left = memoryview(json.dumps(record, allow_nan=False).encode() + b"\n")
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        self.records.append(record)

    def rewrite(self, records: list[dict[str, Any]]) -> None:
        """Replaces all records atomically."""
        self._file.close()
        with atomic_path(self.path) as temporary:
            temporary.write_text(
                "".join(json.dumps(record, allow_nan=False) + "\n" for record in records)
            )
        self.records = list(records)
        self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        """Closes the file; records stay readable."""
        self._file.close()


def read_records(path: Path) -> list[dict[str, Any]]:
    """Whole records of a journal, which another process may be writing.

    Raises:
        CorruptFileError: a record is not JSON.
    """
    return _whole_records(path)[0]


def _whole_records(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Records, and the bytes that they take; what a torn last line holds is left out."""
    records: list[dict[str, Any]] = []
    good = 0
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        try:
            records.append(json.loads(line))
        except ValueError:
            raise CorruptFileError(f"{path}: record {len(records) + 1} is not JSON") from None
        good += len(line)
    return records, good


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def writable_folder(path: Path) -> Path:
    """Makes a folder and proves that it can be written.

    Raises:
        UserError: it cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write to folder '{path}' ({reason}); give another one") from None
    return path


def check_writable(path: Path) -> None:
    """Proves that a folder can be written, or be made, without making it.

    Raises:
        UserError: it cannot.
    """
    existing = path.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    writable_folder(existing)


def claim_folder(path: Path, taken: str) -> int:
    """Takes a folder, until the handle is closed or this process ends, however it ends.

    Args:
        path: the folder.
        taken: what to say where another process has it.

    Raises:
        UserError: another process has it.
    """
    import fcntl

    handle = os.open(path, os.O_RDONLY)
    try:
        # Held by the process, so a killed one leaves no lock behind.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(taken) from None
    return handle


def safe_name(name: str, what: str) -> str:
    """Checks a name that becomes part of a path.

    Raises:
        UserError: it has characters other than letters, digits, ``.``, ``_`` and ``-``.
    """
    if not _SAFE_NAME.fullmatch(name):
        raise UserError(f"{what} '{name}' may hold letters, digits, '.', '_' and '-' only")
    return name
