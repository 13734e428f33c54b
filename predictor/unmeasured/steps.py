"""The kernels of whole networks, as numbers of many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from luts.operator import Operator
from predictor.extremes import Floats
from predictor.unmeasured.kernels import CLASSES, COLUMNS, Row, kernels


@dataclass(frozen=True)
class Steps:
    """Kernels of one network.

    Attributes:
        values: shape ``(steps, len(COLUMNS))``: class as a place in ``CLASSES``; operations of one
            execution; values read and written, weights included; weights; a product's batch, m, n
            and k; how often it is executed.
    """

    values: Floats

    def __getitem__(self, column: str) -> Floats:
        return np.asarray(self.values[:, COLUMNS.index(column)])

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """Place of each step's class in ``CLASSES``, shape ``(steps,)``."""
        return self["class"].astype(np.int64)

    @classmethod
    def of(cls, operators: Iterable[tuple[Operator, int]]) -> Steps:
        """Kernels of operators.

        Args:
            operators: each with how often it is executed.

        Raises:
            UserError: a kind that no rule covers; it is never taken as free.
        """
        rows = [(*row, float(count)) for op, count in operators for row in kernels(op)]
        return cls.from_rows(rows)

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> Self:
        """Kernels that are given as rows of ``COLUMNS``."""
        return cls(np.array(rows, dtype=float).reshape(len(rows), len(COLUMNS)))

    @classmethod
    def joined(cls, parts: Sequence[Steps]) -> Self:
        """Kernels of several, at least one, one after the other."""
        return cls(np.concatenate([part.values for part in parts]))

    def at_batch(self, times: int) -> Steps:
        """The same for so many times the inputs: all grows but weights and launches."""
        values = self.values.copy()
        weights = self["weights"]
        values[:, COLUMNS.index("flops")] *= times
        values[:, COLUMNS.index("values")] = weights + (self["values"] - weights) * times
        # Products of activations become more; others get more rows.
        apart = np.isin(self.classes, [CLASSES.index("matmul"), CLASSES.index("attention")])
        values[apart, COLUMNS.index("batch")] *= times
        values[~apart, COLUMNS.index("m")] *= times
        return Steps(values)
