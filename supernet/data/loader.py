"""Reads batches ahead of the trainer in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from supernet.data.batch import Batch

B_co = TypeVar("B_co", bound=Batch, covariant=True)


class Source(Protocol[B_co]):
    """What gives batches by step."""

    def batch(self, step: int, part: slice = slice(None)) -> B_co:
        """The examples of a step, or a part of them."""
        ...


class _Batches(Dataset[B_co]):
    def __init__(self, source: Source[B_co], part: slice) -> None:
        self.source, self.part = source, part

    def __getitem__(self, step: int) -> B_co:
        torch.set_num_threads(1)  # the trainer has the other cores
        return self.source.batch(step, self.part)


def batches_of(
    source: Source[B_co], first: int, last: int, workers: int = 1, part: slice = slice(None)
) -> Iterator[B_co]:
    """Batches of steps ``first`` to ``last - 1``; the number of workers changes none of them.

    Args:
        source: of the examples.
        first: first step.
        last: step before which the batches end.
        workers: processes that read.
        part: of each batch, such as one process's of several that train together.
    """
    yield from DataLoader(
        _Batches(source, part), batch_size=None, sampler=range(first, last),
        num_workers=workers, prefetch_factor=4,
    )
