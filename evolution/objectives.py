"""What a strategy of several objectives can minimise beside the fitness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evolution.counts import COUNTS, counted, gathered
from evolution.strategies.base import Floats
from luts.space import OperatorSpace, Vectors
from predictor.base import Prediction

OBJECTIVES = ("fitness", "latency_ms", "upper_ms", *COUNTS)


def objective_values(
    names: Sequence[str],
    space: OperatorSpace,
    vectors: Vectors,
    fitness: Floats,
    predicted: Prediction,
) -> Floats:
    """Results as a strategy wants them.

    Args:
        names: of `OBJECTIVES`.
        space: the space.
        vectors: the architectures, shape ``(n, decisions)``.
        fitness: how they did, shape ``(n,)``.
        predicted: their latencies.

    Returns:
        Shape ``(n,)`` for the fitness alone, else ``(n, len(names))``.
    """
    if tuple(names) == ("fitness",):
        return fitness
    columns = {"fitness": fitness, "latency_ms": predicted.latency_ms,
               "upper_ms": predicted.upper_ms}
    for name in set(names) - set(columns):
        columns[name] = gathered(space, counted(space, name), vectors)
    return np.stack([columns[name] for name in names], axis=1)
