"""Batches from flow data on disk; seed and step settle each of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from supernet.data.augment import Augmentation, augmented, middle_crop
from supernet.data.batch import FlowBatch
from supernet.data.collection import DataSet, find_data
from supernet.data.mixes import Mix, check_mixes, held_out, pairs_of
from supernet.data.order import seed_of, shuffled
from supernet.data.pairs import PairFiles, read_pair

_CHANGES = 1
# Below this share of known pixels, interpolating the flow would leave next to none.
_DENSE_FROM = 0.5


class PairSource(Protocol):
    """What training needs of its data.

    Attributes:
        identity: what must be equal for a training to be resumed.
    """

    identity: dict[str, Any]

    def batch(self, step: int, part: slice = slice(None)) -> FlowBatch:
        """The pairs of a step, or a part of them; a process reads no more than its part."""
        ...

    def held_out(self, count: int) -> FlowBatch | None:
        """At most ``count`` pairs that are not trained on, the same in every run; None: no such."""
        ...

    def calibration(self, count: int) -> torch.Tensor:
        """Frames (N, 3, H, W) of training pairs that settle batch norms."""
        ...


class FolderSource:
    """A `PairSource` of the data sets in a folder.

    Args:
        mix: data sets, repeats, crop, amounts of augmentation.
        folder: holds them.
        batch: pairs a step.
        seed: of order and augmentation.
        sets: what the folder holds (None: it is searched).

    Raises:
        UserError: data sets are missing.
        CorruptFileError: files are missing or broken; all are counted at once.
    """

    def __init__(
        self, mix: Mix, folder: Path, batch: int, seed: int,
        sets: Sequence[DataSet] | None = None,
    ) -> None:
        self.mix, self.size, self.seed = mix, batch, seed
        held = find_data(folder) if sets is None else sets
        check_mixes([mix], held, folder)
        found = [(part, pairs_of(part, held)) for part in mix.parts]
        self._parts = [(mix.augmentation(part), part.repeat, pairs) for part, pairs in found]
        self._ends = list(accumulate(repeat * len(pairs) for _, repeat, pairs in self._parts))
        self._held_out = held_out(mix, held)
        names = "\n".join(
            f"{part.set} {pair.group} {pair.name}" for part, pairs in found for pair in pairs
        )
        self.identity = {
            "mix": mix.model_dump(mode="json"), "pairs": sum(len(pairs) for _, pairs in found),
            "pairs_sha256": sha256(names.encode()).hexdigest(),
        }

    @property
    def round_length(self) -> int:
        """Pairs until each has come as often as its repeat says."""
        return self._ends[-1]

    def batch(self, step: int, part: slice = slice(None)) -> FlowBatch:
        """See `PairSource`."""
        places = range(step * self.size, (step + 1) * self.size)[part]
        return _stacked([self._pair(place) for place in places])

    def files(self, place: int) -> PairFiles:
        """The files of a place in the endless order of pairs; rounds are shuffled one by one."""
        return self._at(place)[1]

    def held_out(self, count: int) -> FlowBatch | None:
        """See `PairSource`; crops of the middle, spread over the held-out pairs."""
        if not self._held_out:
            return None
        return _stacked([self._middle(pair) for pair in _spread(self._held_out, count)])

    def calibration(self, count: int) -> torch.Tensor:
        """See `PairSource`; crops of the middle."""
        pairs = [pair for _, _, part in self._parts for pair in part]
        return torch.stack([self._middle(pair)[0] for pair in _spread(pairs, count)])

    def _at(self, place: int) -> tuple[Augmentation, PairFiles]:
        number, position = divmod(place, self.round_length)
        index = int(shuffled(self.seed, number, self.round_length)[position])
        held = bisect_right(self._ends, index)
        how, _, pairs = self._parts[held]
        before = self._ends[held - 1] if held else 0
        return how, pairs[(index - before) % len(pairs)]

    def _pair(self, place: int) -> tuple[torch.Tensor, ...]:
        how, files = self._at(place)
        pair = read_pair(files)
        generator = torch.Generator().manual_seed(seed_of(self.seed, _CHANGES, place))
        return augmented(
            pair, how, generator, sparse=files.sparse or float(pair.valid.mean()) < _DENSE_FROM
        )

    def _middle(self, files: PairFiles) -> tuple[torch.Tensor, ...]:
        return middle_crop(read_pair(files), *self.mix.crop, sparse=files.sparse)


def _spread(pairs: list[PairFiles], count: int) -> list[PairFiles]:
    places = np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)
    return [pairs[place] for place in places]


def _stacked(pairs: list[tuple[torch.Tensor, ...]]) -> FlowBatch:
    frame1, frame2, flow, valid = (torch.stack(parts) for parts in zip(*pairs, strict=True))
    return FlowBatch(frame1, frame2, flow, valid)
