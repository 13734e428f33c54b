"""Additive counts of architectures, gathered from the rows of their factors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np

from evolution.strategies.base import Floats
from luts._costs import cost_of
from luts.idle import IdleCosts
from luts.lowered import lowered
from luts.space import OperatorSpace, Vectors

COUNTS = ("parameters", "flops")


@runtime_checkable
class Counted(Protocol):
    """A space that knows the counts of its factors without being lowered."""

    def factor_counts(self, name: str) -> list[Floats]:
        """What `counted` returns."""
        ...


def gathered(
    space: OperatorSpace, rows: Sequence[Floats], vectors: Vectors, idle: IdleCosts | None = None
) -> Floats:
    """Sum of additive values of each architecture.

    Args:
        space: the space.
        rows: per factor, the value of each row of ``space.factor_choices(factor)``, each of shape
            ``(rows,)``.
        vectors: index vectors, shape ``(count, decisions)``.
        idle: the same value of what is not executed, which is taken off.

    Returns:
        Sums, shape ``(count,)``.
    """
    total = np.zeros(len(vectors))
    for factor, values in zip(space.factors, rows, strict=True):
        total += values[space.factor_rows(factor, vectors)]
    for costs in (idle.by_factor(vectors) if idle is not None else {}).values():
        total -= costs[0]
    return total


def counted(space: OperatorSpace, name: str) -> list[Floats]:
    """Additive count of each factor row.

    Args:
        space: is lowered once.
        name: ``parameters`` (weights, each place once) or ``flops`` (a multiply-add counts as 2,
            each execution counts).

    Returns:
        Per factor, the value of each row of ``space.factor_choices(factor)``.
    """
    if isinstance(space, Counted):
        return space.factor_counts(name)
    return [rows[COUNTS.index(name)] for rows in _rows(space)]


@lru_cache(maxsize=8)
def _rows(space: OperatorSpace) -> list[Floats]:
    """Per factor, both counts of each row, shape ``(2, rows)``."""
    found = []
    for rows in lowered(space):
        each = []
        for placed in rows:
            costs = [(cost_of(p.operator), p.repeats) for p in placed]
            each.append((sum(c.parameters for c, _ in costs), sum(c.flops * n for c, n in costs)))
        found.append(np.array(each, dtype=np.float64).T)
    return found
