"""Features of an architecture for the correction of its table sum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from luts.space import OperatorSpace, Vectors
from predictor.costs import COLUMNS, FactorCosts
from predictor.extremes import Floats


class Features:
    """Maps index vectors to features, by gathers.

    Columns: per factor its table latency, GFLOP, MB and number of executions; the value of each
    decision; and of the whole network the logarithms of the table sum, of the work and of the
    traffic, and the number of executions. Columns that no architecture can change are left out.

    Args:
        costs: costs of the space's factors.
    """

    def __init__(self, costs: FactorCosts) -> None:
        self._space = costs.space
        self._costs = costs
        idle = costs.idle.places()
        self._varying = [(np.ptp(block, axis=0) > 0) | (place in idle) & (block.max(axis=0) > 0)
                         for place, block in enumerate(costs.blocks)]
        width = max((len(d.choices) for d in self._space.decisions), default=1)
        self._values = np.zeros((len(self._space.decisions), width))
        for index, decision in enumerate(self._space.decisions):
            self._values[index, : len(decision.choices)] = decision.choices
        self.names = _names(self._space, self._varying)

    def __call__(self, vectors: Vectors) -> tuple[Floats, Floats]:
        """Table sums and features.

        Args:
            vectors: index vectors, shape ``(count, decisions)``.

        Returns:
            Table sums in ms, overhead included, shape ``(count,)``, and features, shape
            ``(count, len(names))``.
        """
        # One row a feature: trees and products read whole features, one after another.
        features = np.empty((len(self.names), len(vectors)))
        totals = np.zeros((len(COLUMNS), len(vectors)))
        totals[0] = self._costs.overhead_ms
        start = 0
        for block, varying in zip(self._costs.gather(vectors), self._varying, strict=True):
            totals += block
            stop = start + int(varying.sum())
            features[start:stop] = block[varying]
            start = stop
        for values, indices in zip(self._values, vectors.T, strict=True):
            features[start] = values[indices]
            start += 1
        features[start : start + 3] = np.log(np.maximum(totals[:3], 1e-12))
        features[start + 3] = totals[3]
        return totals[0], features.T


def _names(space: OperatorSpace, varying: list[npt.NDArray[np.bool_]]) -> tuple[str, ...]:
    names = [
        f"{factor.name}.{column}"
        for factor, kept in zip(space.factors, varying, strict=True)
        for column, keep in zip(COLUMNS, kept, strict=True)
        if keep
    ]
    names += [decision.name for decision in space.decisions]
    return (*names, "log_sum_ms", "log_gflops", "log_mbytes", "executions")
