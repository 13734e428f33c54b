"""Batches of labelled images; seed and step settle each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from luts.errors import UserError
from supernet.data.images.augment import augmented, fitted
from supernet.data.images.growing import GrowingOrder
from supernet.data.images.sets import Images, ImageSet, Pixels, spread
from supernet.data.order import seed_of, shuffled
from supernet.training.growth import Growth
from supernet.training.image_settings import ImageSettings

_CHANGES = 1


@dataclass(slots=True)
class ImageBatch:
    """Images with labels.

    Attributes:
        images: (B, 3, H, W), 0..255.
        labels: (B,), indices of classes.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> ImageBatch:
        """The same images on a device."""
        return ImageBatch(self.images.to(device, non_blocking=True),
                          self.labels.to(device, non_blocking=True))


class ImageSource:
    """What training and scores see of an image set.

    Args:
        images: the set, checked.
        settings: training section.
        height: rows of the network's input.
        width: columns.
        outputs: classes that the network tells apart.
        seed: of order and augmentation.
        growth: where training adds classes stage by stage.

    Raises:
        UserError: the set has more classes than the network has outputs.
    """

    def __init__(
        self, images: ImageSet, settings: ImageSettings, height: int, width: int, outputs: int,
        seed: int = 0, growth: Growth | None = None,
    ) -> None:
        if len(images.classes) > outputs:
            raise UserError(f"image set '{images.name}' has {len(images.classes)} classes, the "
                            f"network has {outputs} outputs")
        self.images, self.settings, self.seed = images, settings, seed
        self.height, self.width = height, width
        self.train, self._held_out = images.split(settings.held_out)
        self._growing = None if growth is None else (
            GrowingOrder(self.train.labels, growth, settings.batch, seed))
        self.identity: dict[str, Any] = {
            "images": images.name, "classes": len(images.classes),
            "images_sha256": images.train.digest(),
        }

    def batch(self, step: int, part: slice = slice(None)) -> ImageBatch:
        """The images of a step, or a part of them."""
        size = self.settings.batch
        places = range(step * size, (step + 1) * size)[part]
        return _stacked([self._image(place) for place in places])

    def held_out(self, count: int | None = None) -> ImageBatch:
        """Images that are not trained on, the same in every run.

        Args:
            count: at most so many (None: as the settings say).
        """
        count = count or self.settings.validation_images
        return self.middle(spread(self._held_out, count))

    def calibration(self, count: int | None = None) -> torch.Tensor:
        """Training images (N, 3, H, W) that settle batch norms."""
        count = count or self.settings.calibration_images
        return self.middle(spread(self.train, count)).images

    def middle(
        self, images: Images, indices: npt.NDArray[np.int64] | None = None
    ) -> ImageBatch:
        """Images as they are scored: scaled to the network's input, nothing random.

        Args:
            images: where from.
            indices: which (None: all).
        """
        chosen = range(len(images)) if indices is None else indices.tolist()
        return _stacked([
            (fitted(images.read(index), self.height, self.width), int(images.labels[index]))
            for index in chosen
        ])

    def _index(self, place: int) -> int:
        """The image of a place in the endless order; rounds are shuffled one by one.

        Where a distribution is learned, the halves of a batch come from disjoint halves of the
        images.
        """
        if self._growing is not None:
            return self._growing.index(place)
        if not self.settings.parsec.used:
            number, position = divmod(place, len(self.train))
            return int(shuffled(self.seed, number, len(self.train))[position])
        step, within = divmod(place, self.settings.batch)
        first, middle = self.settings.batch // 2, len(self.train) // 2
        trains = within >= first
        length = len(self.train) - middle if trains else middle
        each = self.settings.batch - first if trains else first
        number, position = divmod(step * each + within - (first if trains else 0), length)
        found = int(shuffled(seed_of(self.seed, int(trains)), number, length)[position])
        # The halves are the same in every run, and of all classes.
        return 2 * found + 1 if not trains else 2 * found

    def _image(self, place: int) -> tuple[Pixels, int]:
        index = self._index(place)
        generator = torch.Generator().manual_seed(seed_of(self.seed, _CHANGES, place))
        image = augmented(
            self.train.read(index), self.height, self.width, self.settings.augment, generator,
            mirrored=self.images.mirrored,
        )
        return image, int(self.train.labels[index])


def _stacked(items: list[tuple[Pixels, int]]) -> ImageBatch:
    pixels = torch.from_numpy(np.stack([image for image, _ in items]))
    return ImageBatch(pixels.permute(0, 3, 1, 2).contiguous().float(),
                      torch.tensor([label for _, label in items]))
