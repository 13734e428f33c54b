"""Costs of every factor row of a space, so that a population is summed by gathers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from luts.idle import IdleCosts
from luts.lowered import lowered
from luts.operator import PlacedOperator
from luts.space import OperatorSpace, Vectors
from luts.table import LatencyTable
from predictor.extremes import Floats

COLUMNS = ("latency_ms", "gflops", "mbytes", "executions")


@dataclass(frozen=True)
class FactorCosts:
    """Additive costs per factor.

    Attributes:
        space: the space that was lowered.
        blocks: per factor, costs of each row of ``space.factor_choices(factor)``, shape
            ``(rows, 4)`` in the order of ``COLUMNS``; latencies are sums of the table's rows.
        overhead_ms: what the table adds once per inference, whatever the architecture.
        reference_ms: table sum of the reference network, overhead included.
        idle: what ``blocks`` have too much, in the same columns.
    """

    space: OperatorSpace
    blocks: tuple[Floats, ...]
    overhead_ms: float
    reference_ms: float
    idle: IdleCosts

    @classmethod
    def build(cls, space: OperatorSpace, table: LatencyTable) -> FactorCosts:
        """Adds up every factor row once.

        Raises:
            MissingOperatorError: the table lacks an operator of the space.
        """
        blocks = tuple(
            np.array([_costs(placed, table) for placed in rows]) for rows in lowered(space)
        )
        return cls(
            space, blocks, table.info.overhead_ms, table.latency_ms(space.lower_reference()),
            IdleCosts(space, partial(_costs, table=table)),
        )

    @cached_property
    def _columns(self) -> list[Floats]:
        return [np.ascontiguousarray(block.T) for block in self.blocks]

    def latency_ms(self) -> list[Floats]:
        """Per factor, the latency of each of its rows, each of shape ``(rows,)``.

        The overhead, which belongs to no factor, is not in it.
        """
        return [block[:, 0] for block in self.blocks]

    def gather(self, vectors: Vectors) -> list[Floats]:
        """Per factor, costs of what each architecture executes of it, each ``(4, count)``.

        Args:
            vectors: index vectors, shape ``(count, decisions)``.
        """
        found = [
            np.take(columns, self.space.factor_rows(factor, vectors), axis=1)
            for factor, columns in zip(self.space.factors, self._columns, strict=True)
        ]
        for place, costs in self.idle.by_factor(vectors).items():
            found[place] -= costs
        return found

    def sum_ms(self, vectors: Vectors) -> Floats:
        """Table sum of each architecture, overhead included, shape ``(count,)``."""
        latencies = [block[0] for block in self.gather(vectors)]
        return np.asarray(self.overhead_ms + np.sum(latencies, axis=0))


def _costs(placed: Sequence[PlacedOperator], table: LatencyTable) -> list[float]:
    flops = sum(p.operator.flops * p.repeats for p in placed)
    moved = sum(p.operator.bytes_moved * p.repeats for p in placed)
    executions = sum(p.repeats for p in placed)
    latency_ms = math.fsum(table[p.operator].latency_ms * p.repeats for p in placed)
    return [latency_ms, flops / 1e9, moved / 1e6, float(executions)]
