"""Files by their SHA-256: written whole or not at all, the same bytes only once."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evolution.service.errors import NotFoundError, ServiceError, TooLargeError
from luts.files import writable_folder

_DIGEST = re.compile(r"[0-9a-f]{64}")


class BlobStore:
    """A folder of files that are named by their digest.

    Args:
        folder: made when absent.

    Raises:
        UserError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = writable_folder(folder)
        self._incoming = writable_folder(folder / "incoming")

    def path(self, sha256: str) -> Path:
        """Where a file lies.

        Raises:
            NotFoundError: there is none of that digest.
        """
        path = self._place(sha256)
        if not path.is_file():
            raise NotFoundError(f"no file with SHA-256 {sha256}")
        return path

    def has(self, sha256: str) -> bool:
        """Whether there is a file of that digest."""
        return self._place(sha256).is_file()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for files that are not checked yet; gone after the block."""
        with tempfile.TemporaryDirectory(dir=self._incoming) as name:
            yield Path(name)

    def put(self, chunks: Iterable[bytes], *, sha256: str | None = None,
            limit_bytes: int) -> tuple[str, int]:
        """Keeps a file.

        Args:
            chunks: its bytes.
            sha256: what its digest must be, or None.
            limit_bytes: largest size.

        Returns:
            Its digest and its size in bytes.

        Raises:
            TooLargeError: it is larger.
            ServiceError: it has another digest: bytes were lost on the way.
        """
        digest, size = hashlib.sha256(), 0
        handle, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if size > limit_bytes:
                        raise TooLargeError(f"more than {limit_bytes} bytes are not taken")
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            found = digest.hexdigest()
            if sha256 is not None and found != sha256:
                raise ServiceError(f"the {size} bytes that arrived have SHA-256 {found}, not "
                                   f"{sha256}; send them again")
            place = self._place(found)
            place.parent.mkdir(exist_ok=True)
            Path(name).chmod(0o644)
            Path(name).replace(place)
        finally:
            Path(name).unlink(missing_ok=True)
        return found, size

    def put_file(self, path: Path, *, limit_bytes: int) -> tuple[str, int]:
        """Keeps a copy of a file; see `put`."""
        with path.open("rb") as file:
            return self.put(iter(lambda: file.read(1 << 20), b""), limit_bytes=limit_bytes)

    def _place(self, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise NotFoundError(f"'{sha256[:80]}' is no SHA-256 in hexadecimal digits")
        return self.folder / sha256[:2] / sha256
