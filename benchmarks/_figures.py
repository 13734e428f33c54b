"""Figures of merit of the benchmarks on public data, and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# Relative errors below this are of arithmetic.
_NONE = 1e-4
Floats = npt.NDArray[np.float64]


def figures(predicted_ms: Floats, measured_ms: Floats) -> dict[str, float]:
    """Relative errors and rank correlation; all shapes ``(rows,)``."""
    from scipy.stats import spearmanr

    relative = np.abs(predicted_ms / measured_ms - 1)
    return {
        "mape": float(relative.mean()),
        "median": float(np.median(relative)),
        "within_5": float((relative <= 0.05).mean()),
        "within_10": float((relative <= 0.10).mean()),
        "spearman": float(spearmanr(predicted_ms, measured_ms)[0]),
    }


def mean_of(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure over repetitions."""
    return {name: float(np.mean([item[name] for item in found])) for name in found[0]}


def less(ours: float, others: Iterable[float]) -> float:
    """Share by which an error is below the best of the others; 0 where that is next to none."""
    best = min(others)
    return 1 - ours / best if best > _NONE else 0.0


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for place, name in enumerate(columns):
        table.add_column(name, justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=max(100, 24 + 15 * len(columns))).print(table)
