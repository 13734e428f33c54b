"""One thread for torch, where figures must not depend on how many a machine has."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Self

import torch


class OneThread(ContextDecorator):
    """Within it, and within functions that it decorates, torch computes on one thread.

    Sums over several threads round in another order: with two threads the error of a network
    differs from that with one in the sixth digit (docs/decisions/scoring-processes.md).
    """

    def __init__(self) -> None:
        self._before: list[int] = []

    def __enter__(self) -> Self:
        self._before.append(torch.get_num_threads())
        torch.set_num_threads(1)
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before.pop())
