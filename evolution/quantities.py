"""What a limit can be set on beside latency: memory, parameters, operations, energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolution.constraint import Limit
from evolution.counts import counted, gathered
from evolution.energy import energy_rows
from evolution.memory import least_memory, memory_parts, reference_mib
from evolution.strategies.base import Floats, Vector
from luts._costs import cost_of
from luts.estimated import EstimatedTable
from luts.idle import IdleCosts, idle_flops, idle_parameters
from luts.space import Folding, OperatorSpace, Vectors
from luts.table import LatencyTable
from predictor.extremes import minimise

# Name as in options and results, and the unit in which it is said; counts have none.
UNITS = {"memory_mib": "MiB", "parameters": "parameters", "flops": "FLOPs", "energy_mj": "mJ"}
_COUNTS = ("parameters", "flops")
_EXACT = 1e-9


@dataclass(frozen=True)
class Quantity:
    """Something that architectures use, known without a measurement.

    Attributes:
        name: a key of `UNITS`.
        space: the space.
        parts: the value of an architecture is the largest of these sums: per part and factor of the
            space, the value of each row of ``space.factor_choices(factor)``, ``(rows,)``.
        reference: the value of the hand-designed baseline.
        idle: what the only part has too much (None: nothing, or that is not known).
    """

    name: str
    space: OperatorSpace
    parts: Sequence[Sequence[Floats]]
    reference: float
    idle: IdleCosts | None = None

    def values(self, vectors: Vectors) -> Floats:
        """Values of architectures, shape ``(count,)``."""
        found = np.max([gathered(self.space, rows, vectors, self.idle) for rows in self.parts],
                       axis=0)
        return np.asarray(np.rint(found) if self.name in _COUNTS else found)

    def least(self) -> Vector:
        """An architecture that has least of it."""
        if self.name == "memory_mib":
            return least_memory(self.space)
        return tuple(minimise(self.space, self.parts[0]).tolist())

    def say(self, value: float) -> str:
        """A value with its unit."""
        digits = f"{value:,.0f}" if self.name in _COUNTS else f"{value:.2f}"
        return f"{digits} {UNITS[self.name]}"


def quantity(
    name: str, space: OperatorSpace, table: LatencyTable | EstimatedTable
) -> Quantity:
    """Prices a quantity for a space.

    Args:
        name: a key of `UNITS`.
        space: is lowered once.
        table: of the target; the energy comes from it.

    Raises:
        UserError: the energy is asked for, and the table has none or too little of it.
    """
    if name == "memory_mib":
        return Quantity(name, space, memory_parts(space), reference_mib(space))
    if name == "energy_mj":
        rows, reference = energy_rows(space, table)
        return Quantity(name, space, [rows], reference)
    rows = counted(space, name)
    folded = 0
    if name == "parameters" and isinstance(space, Folding):
        folded = space.folded_parameters(None)
        more = [[space.folded_parameters(f, choices) for choices in space.factor_choices(f)]
                for f in space.factors]
        rows = [have + np.array(extra) for have, extra in zip(rows, more, strict=True)]
    costs = [(cost_of(p.operator), p.repeats) for p in space.lower_reference()]
    reference = float(sum(c.parameters if name == "parameters" else c.flops * n for c, n in costs))
    return Quantity(name, space, [rows], reference + folded,
                    idle_flops(space) if name == "flops" else idle_parameters(space))


class QuantityLimit(Limit):
    """One part of a quantity must not exceed a value.

    Args:
        space: the space.
        rows: the part.
        most: largest value that is allowed.
        idle: see `Quantity`.
    """

    def __init__(
        self, space: OperatorSpace, rows: Sequence[Floats], most: float,
        idle: IdleCosts | None = None,
    ) -> None:
        self.space, self._rows, self._idle = space, rows, idle
        # What rounding adds over many factors must not shut out an exact count.
        self._most = most * (1 + _EXACT)

    def use(self, vectors: Vectors) -> Floats:
        """See `Limit.use`."""
        return np.asarray(gathered(self.space, self._rows, vectors, self._idle) / self._most)

    def factor_uses(self) -> list[Floats]:
        """See `Limit.factor_uses`."""
        return [np.asarray(values / self._most) for values in self._rows]
