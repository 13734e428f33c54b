"""NAS-Bench-201: all 15,625 cells, trained (Dong and Yang, arXiv 2001.00326)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from evolution.strategies.base import Floats
from evolution.tabular.problem import TabularProblem, TabularSpace
from evolution.tabular.reading import read_columns
from luts.errors import CorruptFileError
from luts.space import Decision, Factor, Vectors

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""Edges of a cell as (from, to) nodes, in the order of the architecture string."""
FILE = "nb201_accuracy_latency.csv.gz"
_LATENCY = "lat_ms__"
_CHANNELS, _CELLS = (16, 32, 64), 5
_NONE, _CONV_1, _CONV_3 = 0, 2, 3
# Stem, two reductions, last norm and classifier of the CIFAR-10 network.
_FRAME_PARAMETERS, _FRAME_MACS = 464 + 14_464 + 57_600 + 128 + 650, 442_368 + 7_340_032 + 640


def parse(text: str) -> list[int]:
    """Operation on each edge, from ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+…``.

    Raises:
        CorruptFileError: it is no such text.
    """
    parts = [part.split("~")[0] for part in text.replace("+", "").split("|") if part]
    if len(parts) != len(EDGES) or not set(parts) <= set(OPERATIONS):
        raise CorruptFileError(f"'{text}' is no cell of NAS-Bench-201")
    return [OPERATIONS.index(part) for part in parts]


def executed(vectors: Vectors) -> Vectors:
    """Cells with 'none' on edges that do not lie on a way from input to output, ``(cells, 6)``."""
    used = vectors != _NONE
    fed = np.zeros((len(vectors), 4), dtype=bool)
    fed[:, 0] = True
    for place, (begin, end) in enumerate(EDGES):
        fed[:, end] |= fed[:, begin] & used[:, place]
    needed = np.zeros((len(vectors), 4), dtype=bool)
    needed[:, 3] = True
    for place, (begin, end) in reversed(list(enumerate(EDGES))):
        needed[:, begin] |= needed[:, end] & used[:, place]
    alive = np.stack([fed[:, b] & needed[:, e] for b, e in EDGES], axis=1)
    return np.where(alive, vectors, _NONE)


def counts(vectors: Vectors) -> dict[str, Floats]:
    """Weights and operations of the executed network for CIFAR-10, each of shape ``(cells,)``.

    Three stages of five cells, 16, 32 and 64 channels on 32, 16 and 8 pixels; a convolution has a
    norm. A multiply-add counts as 2.
    """
    cells = executed(vectors)
    small, large = ((cells == op).sum(axis=1) for op in (_CONV_1, _CONV_3))
    squares = _CELLS * sum(c * c for c in _CHANNELS)
    norms = _CELLS * 2 * sum(_CHANNELS)
    parameters = squares * (small + 9 * large) + norms * (small + large) + _FRAME_PARAMETERS
    macs = _CELLS * len(_CHANNELS) * (16 * 32) ** 2 * (small + 9 * large) + _FRAME_MACS
    return {"parameters": parameters.astype(np.float64), "flops": 2.0 * macs}


def nb201(folder: Path, accuracy: str = "acc_cifar100_test") -> TabularProblem:
    """Reads the benchmark.

    Args:
        folder: holds ``nb201_accuracy_latency.csv.gz``: columns ``arch_str``, accuracies in
            percent, and latencies as ``lat_ms__<device>``.
        accuracy: column to be maximised.

    Returns:
        The problem; its costs are the latencies in ms, by device.

    Raises:
        UserError: there is no such file or column.
        CorruptFileError: it does not hold each cell once.
    """
    path = folder / FILE
    columns = read_columns(path, ("arch_str", accuracy))
    vectors = np.array([parse(text) for text in columns["arch_str"].tolist()], dtype=np.int64)
    order = _order(vectors, path)
    latencies = {
        name.removeprefix(_LATENCY): values.astype(np.float64)[order]
        for name, values in columns.items()
        if name.startswith(_LATENCY)
    }
    decisions = [Decision(f"edge{a}{b}", tuple(range(len(OPERATIONS)))) for a, b in EDGES]
    # Which edges are executed depends on all of them, so the cell is one factor.
    factor = Factor("cell", tuple(range(len(EDGES))))
    space = TabularSpace("nb201", decisions, [factor], counts(vectors[order]))
    return TabularProblem(space, columns[accuracy].astype(np.float64)[order], latencies)


def _order(vectors: Vectors, path: Path) -> npt.NDArray[np.int64]:
    """Rows in the order of the space's indices."""
    order = np.lexsort(vectors.T[::-1])
    size = len(OPERATIONS) ** len(EDGES)
    if len(vectors) != size or len(np.unique(vectors, axis=0)) != size:
        raise CorruptFileError(f"{path} holds {len(vectors)} rows, not each of {size:,} cells once")
    return np.asarray(order)
