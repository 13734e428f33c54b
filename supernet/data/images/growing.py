"""The order of training images where classes are added stage by stage."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from supernet.data.images.sets import Labels
from supernet.data.order import seed_of, shuffled
from supernet.training.growth import Growth

_FIRST_ORDER = 2


class GrowingOrder:
    """Seed and place settle the image; rounds through a stage's images are shuffled one by one.

    The first half of a batch comes from one half of the images, the second from the other, and an
    image stays in its half through all stages.

    Args:
        labels: of the training images, shape ``(N,)``.
        growth: classes by step.
        batch: images of a step.
        seed: of the order.

    Raises:
        UserError: a stage has no image in one of the halves.
    """

    def __init__(self, labels: Labels, growth: Growth, batch: int, seed: int) -> None:
        self.growth, self.batch, self.seed = growth, batch, seed
        indices = np.arange(len(labels))
        self._pools: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
        for count in growth.counts:
            known = np.isin(labels, growth.order[:count])
            pools = indices[known & (indices % 2 == 1)], indices[known & (indices % 2 == 0)]
            if not all(map(len, pools)):
                raise UserError(f"the first {count} classes have {int(known.sum())} training "
                                "images; each half of a batch needs some of its own")
            self._pools.append(pools)

    def index(self, place: int) -> int:
        """Index of the image at a place in the endless order."""
        step, within = divmod(place, self.batch)
        first = self.batch // 2
        trains = within >= first
        stage = self.growth.stage(step)
        pool = self._pools[stage][int(trains)]
        each = self.batch - first if trains else first
        passed = (step - self.growth.begin(stage)) * each + within - (first if trains else 0)
        number, position = divmod(passed, len(pool))
        seed = seed_of(self.seed, _FIRST_ORDER + 2 * stage + int(trains))
        return int(pool[shuffled(seed, number, len(pool))[position]])
