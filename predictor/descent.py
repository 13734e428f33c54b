"""Descent from an architecture by single changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luts.space import OperatorSpace, Vectors
from predictor.extremes import Floats

_STEPS = 100


def descend(
    space: OperatorSpace, start: Vectors, cost: Callable[[Vectors], Floats]
) -> Vectors:
    """Changes one decision at a time for the better until none helps.

    Args:
        space: the space.
        start: index vector, shape ``(decisions,)``.
        cost: costs of a population, shape ``(count,)``.

    Returns:
        Index vector whose cost no single change lowers (after at most 100 changes).
    """
    current = start
    current_cost = float(cost(current[None])[0])
    for _ in range(_STEPS):
        around = _neighbours(space, current)
        costs = cost(around)
        best = int(np.argmin(costs))
        if not costs[best] < current_cost:
            break
        current, current_cost = around[best], float(costs[best])
    return current


def _neighbours(space: OperatorSpace, vector: Vectors) -> Vectors:
    rows = []
    for index, cardinality in enumerate(space.cardinalities):
        for choice in range(int(cardinality)):
            if choice != vector[index]:
                row = vector.copy()
                row[index] = choice
                rows.append(row)
    return np.stack(rows) if rows else vector[None]
