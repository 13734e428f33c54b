"""NAS-Bench-201 cells (Dong and Yang 2020) as vectors, and what a runtime executes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks._public import read_rows
from evolution.tabular.nb201 import EDGES, OPERATIONS, executed, parse

_PREFIX = "lat_ms__"
# Cost of an operation relative to a 3x3 convolution at equal width: multiply-adds per value.
_WORK = (0.0, 0.0, 1 / 9, 1.0, 0.0)


@dataclass(frozen=True)
class Cells:
    """All cells.

    Attributes:
        vectors: operation on each edge, shape ``(cells, 6)``.
        executed: the same with 'none' on edges that do not lie on a way from input to output.
        latency_ms: device to latencies, each of shape ``(cells,)``.
    """

    vectors: npt.NDArray[np.int64]
    executed: npt.NDArray[np.int64]
    latency_ms: dict[str, npt.NDArray[np.float64]]

    @property
    def one_hot(self) -> npt.NDArray[np.float64]:
        """Operations on edges, shape ``(cells, 30)``."""
        return one_hot(self.vectors)

    @property
    def convolutions(self) -> npt.NDArray[np.float64]:
        """Work of the executed cell in 3x3 convolutions, shape ``(cells,)``; FLOPs but for a
        factor and a constant.
        """
        return np.asarray(np.array(_WORK)[self.executed].sum(axis=1))

    @property
    def encoding(self) -> npt.NDArray[np.float64]:
        """What is written, what is executed, and totals of it, shape ``(cells, features)``."""
        counts = np.stack([(self.executed == op).sum(axis=1) for op in range(5)], axis=1)
        totals = np.column_stack([counts, self.depth, self.convolutions]) / 2.0
        return np.column_stack([self.one_hot, one_hot(self.executed), totals])

    @property
    def depth(self) -> npt.NDArray[np.float64]:
        """Largest number of executed operations in a row, skips not counted, ``(cells,)``."""
        weight = np.array([0, 0, 1, 1, 1])
        reach = np.zeros((len(self.vectors), 4))
        for place, (begin, end) in enumerate(EDGES):
            through = reach[:, begin] + weight[self.executed[:, place]]
            used = self.executed[:, place] > 0
            reach[:, end] = np.where(used, np.maximum(reach[:, end], through), reach[:, end])
        return reach[:, 3]


def one_hot(vectors: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Indicator columns, shape ``(cells, 6 * 5)``."""
    return np.eye(len(OPERATIONS))[vectors].reshape(len(vectors), -1)


def read_cells(folder: Path) -> Cells:
    """Reads all cells."""
    columns = read_rows(folder / "nb201_accuracy_latency.csv.gz")
    vectors = np.array([parse(text) for text in columns["arch_str"].tolist()])
    latencies = {
        name.removeprefix(_PREFIX): values.astype(float)
        for name, values in columns.items()
        if name.startswith(_PREFIX)
    }
    return Cells(vectors, executed(vectors), latencies)
