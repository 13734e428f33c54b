"""What a ranking run found, and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from luts.space import Architecture
from supernet.fidelity import rank_agreement

Scores = Sequence[Mapping[str, float]]
_METRICS = ("epe", "fl_all")


def ranking(
    inherited: Mapping[str, Scores], alone: Sequence[Scores],
    architectures: Sequence[Architecture],
) -> dict[str, Any]:
    """Agreement of every supernet with the networks trained alone.

    Args:
        inherited: scores of each architecture by supernet.
        alone: scores of each architecture by repetition.
        architectures: what was scored.

    Returns:
        ``agreement`` by supernet and metric, against means over repetitions; ``between_repeats``,
        the agreement of the first two repetitions, which bounds what a supernet can reach (absent
        with one repetition); ``networks`` with all scores.
    """
    means = {metric: _means(alone, metric) for metric in _METRICS}
    result: dict[str, Any] = {
        "agreement": {
            name: {
                metric: rank_agreement([s[metric] for s in scores], means[metric])
                for metric in _METRICS
            }
            for name, scores in inherited.items()
        }
    }
    if len(alone) > 1:
        result["between_repeats"] = {
            metric: rank_agreement(*([s[metric] for s in scores] for scores in alone[:2]))
            for metric in _METRICS
        }
    result["networks"] = [
        {
            "architecture": architecture.as_json(),
            "alone": [dict(scores[index]) for scores in alone],
            "inherited": {name: dict(scores[index]) for name, scores in inherited.items()},
        }
        for index, architecture in enumerate(architectures)
    ]
    return result


def _means(alone: Sequence[Scores], metric: str) -> list[float]:
    return [float(m) for m in np.mean([[s[metric] for s in scores] for scores in alone], axis=0)]


def show(result: Mapping[str, Any]) -> None:
    """Prints the agreement as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{len(result['networks'])} architectures: inherited against alone")
    for title in ("supernet", "FAD weight", "metric", "Kendall's tau", "90 %", "p", "Spearman"):
        table.add_column(title)
    rows = [
        (name, f"{result['run']['supernets'][name]['fad']:g}", found)
        for name, found in result["agreement"].items()
    ]
    if "between_repeats" in result:
        rows.append(("alone, again", "-", result["between_repeats"]))
    for name, weight, found in rows:
        for metric, agreement in found.items():
            table.add_row(
                name, weight, metric, f"{agreement['kendall']:.3f}",
                f"{agreement['kendall_low']:.2f} to {agreement['kendall_high']:.2f}",
                f"{agreement['kendall_p']:.3f}", f"{agreement['spearman']:.3f}",
            )
    Console(width=110).print(table)
