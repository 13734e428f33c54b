"""One folder for each class, on disk or within a zip file."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

import numpy as np

from luts.errors import CorruptFileError
from supernet.data.images.sets import Images, ImageSet, Pixels

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".webp")
TRAIN, TEST = ("train", "training"), ("test", "val", "valid", "validation")
# Opening a file waits for the disk, not for the processor.
_THREADS = 16


class Place(Protocol):
    """Named files: a folder or a zip file."""

    def names(self) -> list[str]:
        """Names of all images, with ``/`` between folders, sorted."""
        ...

    def size(self, name: str) -> int:
        """Length in bytes."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Opens one."""
        ...


class Folder:
    """A folder on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """See `Place`; down to ``part/class/image``."""
        found = [p for depth in ("*/*", "*/*/*") for p in self.path.glob(depth)
                 if p.suffix.lower() in SUFFIXES]
        return sorted(p.relative_to(self.path).as_posix() for p in found)

    def size(self, name: str) -> int:
        """See `Place`."""
        return (self.path / name).stat().st_size

    def open(self, name: str) -> IO[bytes]:
        """See `Place`."""
        return (self.path / name).open("rb")


class ZipPlace:
    """A zip file; each process opens it for itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: tuple[int, zipfile.ZipFile] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_held": None}

    def _zip(self) -> zipfile.ZipFile:
        # A file handle that a forked process inherits shares its position with the parent's.
        if self._held is None or self._held[0] != os.getpid():
            try:
                self._held = os.getpid(), zipfile.ZipFile(self.path)
            except (zipfile.BadZipFile, OSError) as error:
                raise CorruptFileError(f"'{self.path}' is not a whole zip file ({error})") from None
        return self._held[1]

    def names(self) -> list[str]:
        """See `Place`."""
        return sorted(name for name in self._zip().namelist()
                      if PurePosixPath(name).suffix.lower() in SUFFIXES)

    def size(self, name: str) -> int:
        """See `Place`."""
        return self._zip().getinfo(name).file_size

    def open(self, name: str) -> IO[bytes]:
        """See `Place`."""
        return io.BytesIO(self._zip().read(name))


class FileImages(Images):
    """One file each; read when they are needed.

    Args:
        place: where they lie.
        names: of the files.
        labels: class of each.
    """

    def __init__(self, place: Place, names: Sequence[str], labels: Sequence[int]) -> None:
        self.place, self.names = place, list(names)
        self.labels = np.array(labels, dtype=np.int64)

    def read(self, index: int) -> Pixels:
        """See `Images`."""
        from PIL import Image, UnidentifiedImageError

        name = self.names[index]
        try:
            with self.place.open(name) as file, Image.open(file) as image:
                return np.array(image.convert("RGB"))
        except (UnidentifiedImageError, OSError, zipfile.BadZipFile, SyntaxError) as error:
            raise CorruptFileError(f"'{name}' is not a readable image ({error})") from None

    def problems(self) -> list[str]:
        """See `Images`; looks at every file's header."""
        if isinstance(self.place, Folder):
            with ThreadPoolExecutor(_THREADS) as pool:
                return [p for p in pool.map(self._problem, self.names) if p is not None]
        return [p for p in map(self._problem, self.names) if p is not None]

    def _problem(self, name: str) -> str | None:
        from PIL import Image, UnidentifiedImageError

        try:
            with self.place.open(name) as file, Image.open(file) as image:
                return None if min(image.size) > 0 else f"'{name}' is empty"
        except (UnidentifiedImageError, OSError, zipfile.BadZipFile, SyntaxError) as error:
            # Pillow's message names a file object.
            kind = "is not an image" if isinstance(error, UnidentifiedImageError) else str(error)
            return f"'{name}' {kind}"

    def digest(self) -> str:
        """See `Images`."""
        text = "\n".join(f"{name} {self.place.size(name)}" for name in self.names)
        return sha256(text.encode()).hexdigest()


def by_class(name: str, place: Place) -> ImageSet | None:
    """The image set of ``class/image`` or ``train/class/image``, or None of neither."""
    split: dict[str, list[tuple[str, str]]] = {}
    for path in place.names():
        *above, label, _ = PurePosixPath(path).parts
        if len(above) > 1:
            continue
        split.setdefault(above[0].lower() if above else "", []).append((label, path))
    train = next((split[part] for part in (*TRAIN, "") if part in split), None)
    if train is None:
        return None
    test = next((split[part] for part in TEST if part in split), None)
    classes = sorted({label for label, _ in train})
    number = {label: index for index, label in enumerate(classes)}
    unknown = sorted({label for label, _ in test or []} - set(classes))
    if unknown:
        raise CorruptFileError(f"image set '{name}': classes of its test part are not trained on: "
                               f"{', '.join(unknown)}")

    def images(items: list[tuple[str, str]]) -> FileImages:
        return FileImages(place, [path for _, path in items], [number[c] for c, _ in items])

    return ImageSet(name, tuple(classes), images(train), images(test) if test else None)
