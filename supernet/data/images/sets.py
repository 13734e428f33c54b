"""Labelled images, wherever they lie."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from luts.errors import CorruptFileError

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
_LISTED = 10


class Images(abc.ABC):
    """Images with labels.

    Attributes:
        labels: index of each image's class, shape ``(N,)``.
    """

    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    @abc.abstractmethod
    def read(self, index: int) -> Pixels:
        """One image, shape ``(H, W, 3)``; grey ones in three equal channels.

        Raises:
            CorruptFileError: it cannot be read.
        """

    @abc.abstractmethod
    def problems(self) -> list[str]:
        """What is missing or broken, seen without decoding every image."""

    @abc.abstractmethod
    def digest(self) -> str:
        """Changes where the images do: of pixels where they are in memory, else of names, sizes."""


class ArrayImages(Images):
    """Images in memory.

    Args:
        pixels: shape ``(N, H, W)`` or ``(N, H, W, 3)``.
        labels: shape ``(N,)``.
    """

    def __init__(self, pixels: Pixels, labels: npt.NDArray[Any]) -> None:
        self.pixels, self.labels = pixels, labels.astype(np.int64)

    def read(self, index: int) -> Pixels:
        """See `Images`."""
        image = self.pixels[index]
        return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image

    def problems(self) -> list[str]:
        """See `Images`; what reads such files has looked at their sizes."""
        return []

    def digest(self) -> str:
        """See `Images`."""
        return sha256(np.ascontiguousarray(self.pixels).tobytes() + self.labels.tobytes()
                      ).hexdigest()


class Part(Images):
    """Some of other images.

    Args:
        whole: where from.
        indices: which, shape ``(n,)``.
    """

    def __init__(self, whole: Images, indices: npt.NDArray[np.int64]) -> None:
        self._whole, self._indices = whole, indices
        self.labels = whole.labels[indices]

    def read(self, index: int) -> Pixels:
        """See `Images`."""
        return self._whole.read(int(self._indices[index]))

    def problems(self) -> list[str]:
        """See `Images`."""
        return self._whole.problems()

    def digest(self) -> str:
        """See `Images`."""
        return sha256(self._whole.digest().encode() + self._indices.tobytes()).hexdigest()


@dataclass(frozen=True)
class ImageSet:
    """A data set.

    Attributes:
        name: its name, or that of its folder.
        classes: their names, in the order of labels.
        train: images to train on.
        test: images of the data set's own test part (None: it has none).
        mirrored: whether a mirror image belongs to the same class (digits do not).
        licence: whose it is and under which terms; empty where that is not known.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images | None
    mirrored: bool = True
    licence: str = ""

    def check(self) -> None:
        """Looks at all images before any is used.

        Raises:
            CorruptFileError: files are missing or broken, or labels name no class: how many, and
                the first of them.
        """
        parts = [part for part in (self.train, self.test) if part is not None]
        problems = [problem for part in parts for problem in part.problems()]
        for part in parts:
            odd = (part.labels < 0) | (part.labels >= len(self.classes))
            if odd.any():
                problems.append(f"{int(odd.sum())} labels lie outside 0 to {len(self.classes) - 1}")
            if not len(part):
                problems.append("a part of it holds no image")
        if problems:
            more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
            raise CorruptFileError(f"{len(problems)} problems in image set '{self.name}': "
                                   f"{'; '.join(problems[:_LISTED])}{more}")

    def split(self, share: float) -> tuple[Images, Images]:
        """What is trained on, and what is held out of it.

        Args:
            share: of the training images that is held out; the same ones every time.
        """
        order = np.random.default_rng(_SPLIT_SEED).permutation(len(self.train))
        count = max(1, round(share * len(self.train)))
        return Part(self.train, np.sort(order[count:])), Part(self.train, np.sort(order[:count]))


_SPLIT_SEED = 1 << 40


def spread(images: Images, count: int) -> Images:
    """At most ``count`` of the images, the same ones every time, of all classes alike."""
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(images))
    # By class in turn: the first of each, then the second of each.
    turn = np.empty(len(order), np.int64)
    seen: dict[int, int] = {}
    for index in order:
        label = int(images.labels[index])
        turn[index] = seen[label] = seen.get(label, -1) + 1
    chosen = sorted(order, key=lambda index: (turn[index], images.labels[index]))[:count]
    return Part(images, np.array(chosen, dtype=np.int64))


def stacked_labels(parts: Sequence[npt.NDArray[Any]]) -> Labels:
    """Labels of several files one after the other."""
    return np.concatenate(parts).astype(np.int64)
