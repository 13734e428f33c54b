"""A space in a table: accuracy and costs of all its networks, hence the constrained optimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evolution.constraint import Limit
from evolution.region import Region
from evolution.strategies.base import Floats
from luts.errors import CorruptFileError, InfeasibleError, UserError
from luts.operator import PlacedOperator
from luts.space import Architecture, Choice, Decision, Factor, OperatorSpace, Vectors

# Relative; tables hold double precision.
_EXACT = 1e-9


class TabularSpace(OperatorSpace):
    """A space that is searched in its table; it holds no networks.

    Args:
        name: such as ``nb201``.
        decisions: of its networks.
        factors: parts of which the costs are sums.
        counts: weights (``parameters``) and operations (``flops``) of all networks, in the order
            of their indices (the last decision varies fastest), each of shape ``(networks,)``.
    """

    def __init__(
        self,
        name: str,
        decisions: Sequence[Decision],
        factors: Sequence[Factor],
        counts: Mapping[str, Floats],
    ) -> None:
        self.name = name
        self.decisions = tuple(decisions)
        self.factors = tuple(factors)
        self._counts = {count: self.parts(values) for count, values in counts.items()}

    def rows(self, vectors: Vectors) -> npt.NDArray[np.int64]:
        """Index of each architecture in the table, shape ``(count,)``."""
        codes = np.ravel_multi_index(tuple(vectors.T), tuple(self.cardinalities))
        return np.asarray(codes, dtype=np.int64)

    @cached_property
    def grid(self) -> Vectors:
        """All architectures in the table's order, shape ``(networks, decisions)``."""
        indices = np.indices(tuple(self.cardinalities)).reshape(len(self.decisions), -1)
        return np.ascontiguousarray(indices.T).astype(np.int64)

    def parts(self, values: Floats) -> list[Floats]:
        """A column of the table as a sum over the factors.

        Args:
            values: of all networks, in the table's order.

        Returns:
            Per factor, the value of each of its rows; what all networks share is in the first.

        Raises:
            CorruptFileError: the column is no such sum.
        """
        base = float(values[0])
        found = []
        for factor in self.factors:
            sizes = tuple(int(self.cardinalities[i]) for i in factor.decisions)
            alone = np.zeros((int(np.prod(sizes)), len(self.decisions)), dtype=np.int64)
            alone[:, list(factor.decisions)] = np.indices(sizes).reshape(len(sizes), -1).T
            found.append(values[self.rows(alone)] - base)
        found[0] = found[0] + base
        total = sum(p[self.factor_rows(f, self.grid)]
                    for f, p in zip(self.factors, found, strict=True))
        if not np.allclose(total, values, rtol=_EXACT, atol=_EXACT * float(np.ptp(values))):
            raise CorruptFileError(f"a cost in the table of {self.name} is no sum over its factors")
        return found

    def factor_counts(self, name: str) -> list[Floats]:
        """See `evolution.counts.Counted`."""
        return self._counts[name]

    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        """Not to be had.

        Raises:
            UserError: always; costs of the whole networks are in the table.
        """
        raise UserError(f"space '{self.name}' is a table of whole networks, it has no operators")

    def lower_reference(self) -> list[PlacedOperator]:
        """Not to be had; see `lower_factor`."""
        raise UserError(f"space '{self.name}' is a table of whole networks, it has no reference")

    def export_onnx(self, architecture: Architecture | None, path: Path) -> None:
        """Not to be had; see `lower_factor`."""
        raise UserError(f"space '{self.name}' is a table of whole networks, none can be exported")


class TableLimit(Limit):
    """A cost from the table must not exceed a value.

    Args:
        space: the table's space.
        values: the cost of all networks, in the table's order.
        most: largest that is allowed.
    """

    def __init__(self, space: TabularSpace, values: Floats, most: float) -> None:
        self.space = space
        self.values = values
        self.most = most
        self._parts = [part / most for part in space.parts(values)]

    def use(self, vectors: Vectors) -> Floats:
        """See `Limit.use`."""
        return np.asarray(self.values[self.space.rows(vectors)] / self.most)

    def factor_uses(self) -> list[Floats]:
        """See `Limit.factor_uses`."""
        return self._parts


class TabularProblem:
    """Accuracy and costs of all networks of a space.

    Args:
        space: the space.
        accuracy: of all networks in percent, in the order of the space's indices.
        costs: name to what all networks cost (ms for latencies), in the same order.
    """

    def __init__(
        self, space: TabularSpace, accuracy: Floats, costs: Mapping[str, Floats]
    ) -> None:
        self.space = space
        self.accuracy = accuracy
        self.costs = dict(costs)

    def accuracy_of(self, vectors: Vectors) -> Floats:
        """Accuracy of architectures in percent, shape ``(count,)``."""
        return np.asarray(self.accuracy[self.space.rows(vectors)])

    def region(self, cost: str, most: float) -> Region:
        """The networks whose cost does not exceed a value.

        Raises:
            UserError: there is no such cost.
            InfeasibleError: no network is so cheap; the message gives the cheapest.
        """
        if cost not in self.costs:
            raise UserError(f"no cost '{cost}' in the table of {self.space.name}; there are: "
                            f"{', '.join(sorted(self.costs))}")
        values = self.costs[cost]
        cheapest = int(np.argmin(values))
        if values[cheapest] > most:
            raise InfeasibleError(
                f"no network of {self.space.name} costs at most {most:g} of {cost}; they cost "
                f"{values[cheapest]:g} to {values.max():g}"
            )
        limit = TableLimit(self.space, values, most)
        return Region(self.space, [limit], self.space.grid[cheapest : cheapest + 1])

    def percentile(self, cost: str, share: float) -> Region:
        """The networks that cost no more than a percentile of all; see `region`."""
        return self.region(cost, float(np.percentile(self.costs[cost], share)))

    def optimum(self, region: Region) -> float:
        """Best accuracy in a region, in percent."""
        return float(self.accuracy[region.allowed(self.space.grid)].max())
