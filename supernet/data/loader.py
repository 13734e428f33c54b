"""Reads batches ahead of the trainer in worker processes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset

from supernet.data.batch import FlowBatch
from supernet.data.source import PairSource


class _Batches(Dataset[tuple[torch.Tensor, ...]]):
    def __init__(self, source: PairSource, part: slice) -> None:
        self.source, self.part = source, part

    def __getitem__(self, step: int) -> tuple[torch.Tensor, ...]:
        torch.set_num_threads(1)  # the trainer has the other cores
        return self.source.batch(step, self.part).parts()


def batches_of(
    source: PairSource, first: int, last: int, workers: int = 1, part: slice = slice(None)
) -> Iterator[FlowBatch]:
    """Batches of steps ``first`` to ``last - 1``; the number of workers changes none of them.

    Args:
        source: of the pairs.
        first: first step.
        last: step before which the batches end.
        workers: processes that read.
        part: of each batch, such as one process's of several that train together.
    """
    loader = DataLoader(
        _Batches(source, part), batch_size=None, sampler=range(first, last),
        num_workers=workers, prefetch_factor=4,
    )
    for frame1, frame2, flow, valid in loader:
        yield FlowBatch(frame1, frame2, flow, valid)
