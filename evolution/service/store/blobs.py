"""Files by their SHA-256: written whole or not at all, the same bytes only once."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from evolution.service.errors import NotFoundError, ServiceError, TooLargeError
from luts.files import writable_folder

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ABANDONED_S = 86400.0
# A worker asks first which of its files are known, and names them when all of them are sent.
_UNTOUCHED_S = 86400.0


class Incoming:
    """A file that is being written.

    Attributes:
        size_bytes: what was written so far.
    """

    def __init__(self, file: BinaryIO, limit_bytes: int) -> None:
        self._file, self._limit_bytes = file, limit_bytes
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """Digest of what was written so far."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Adds bytes.

        Raises:
            TooLargeError: they are too many.
        """
        self.size_bytes += len(chunk)
        if self.size_bytes > self._limit_bytes:
            raise TooLargeError(f"more than {self._limit_bytes} bytes are not taken")
        self._digest.update(chunk)
        self._file.write(chunk)


class BlobStore:
    """A folder of files that are named by their digest.

    Args:
        folder: made when absent.

    Raises:
        UserError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        # Its files are read by processes and reached by links that lie elsewhere.
        self.folder = writable_folder(folder.absolute())
        self._folder_of_incoming = writable_folder(self.folder / "incoming")
        self._guard = threading.Lock()
        self._prune()

    def path(self, sha256: str) -> Path:
        """Where a file lies.

        Raises:
            NotFoundError: there is none of that digest.
        """
        path = self._place(sha256)
        if not path.is_file():
            raise NotFoundError(f"no file with SHA-256 {sha256}")
        return path

    def touch(self, sha256: str) -> None:
        """Keeps a file from being removed for a day, because it is about to be named.

        Raises:
            NotFoundError: there is none of that digest.
        """
        with self._guard:
            os.utime(self.path(sha256))

    def remove(self, sha256: str) -> int:
        """Removes a file that nothing names, unless somebody sent or touched it within a day.

        Returns:
            The bytes that were freed.
        """
        path = self._place(sha256)
        with self._guard, suppress(FileNotFoundError):
            found = path.stat()
            if time.time() - found.st_mtime > _UNTOUCHED_S:
                path.unlink()
                return found.st_size
        return 0

    def has(self, sha256: str) -> bool:
        """Whether there is a file of that digest."""
        return self._place(sha256).is_file()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for files that are not checked yet; gone after the block."""
        with tempfile.TemporaryDirectory(dir=self._folder_of_incoming) as name:
            yield Path(name)

    @contextmanager
    def incoming(self, *, sha256: str | None = None, limit_bytes: int) -> Iterator[Incoming]:
        """A file that is about to be written; it is kept when the block succeeds.

        Args:
            sha256: what its digest must be, or None.
            limit_bytes: largest size.

        Raises:
            TooLargeError: more was written.
            ServiceError: it has another digest: bytes were lost on the way.
        """
        handle, name = tempfile.mkstemp(dir=self._folder_of_incoming)
        try:
            with os.fdopen(handle, "wb") as file:
                incoming = Incoming(file, limit_bytes)
                yield incoming
                file.flush()
                os.fsync(file.fileno())
            if sha256 is not None and incoming.sha256 != sha256:
                raise ServiceError(f"the {incoming.size_bytes} bytes that arrived have SHA-256 "
                                   f"{incoming.sha256}, not {sha256}; send them again")
            place = self._place(incoming.sha256)
            place.parent.mkdir(exist_ok=True)
            Path(name).chmod(0o644)
            with self._guard:
                Path(name).replace(place)
        finally:
            Path(name).unlink(missing_ok=True)

    def put_file(self, path: Path, *, limit_bytes: int) -> tuple[str, int]:
        """Keeps a copy of a file; returns its digest and its size in bytes."""
        with path.open("rb") as file, self.incoming(limit_bytes=limit_bytes) as incoming:
            while chunk := file.read(1 << 20):
                incoming.write(chunk)
        return incoming.sha256, incoming.size_bytes

    def _prune(self) -> None:
        """Removes what a killed server left half-written; another one may be writing now."""
        for path in self._folder_of_incoming.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _place(self, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise NotFoundError(f"'{sha256[:80]}' is no SHA-256 in hexadecimal digits")
        return self.folder / sha256[:2] / sha256
