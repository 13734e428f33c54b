"""Folds that keep groups whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from predictor.operators.features import Indices

_FOLDS = 5


def folds_of(groups: Indices, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Rows to learn from and rows to judge, at most five times; nothing with one group.

    Args:
        groups: group of each row, shape ``(rows,)``.
        seed: seed of the deal.
    """
    found, member = np.unique(groups, return_inverse=True)
    if len(found) < 2:
        return
    count = min(_FOLDS, len(found))
    deal = np.random.default_rng(seed).permutation(len(found)) % count
    fold = deal[member]
    for number in range(count):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
