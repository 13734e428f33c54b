"""What a ranking run found, and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from luts.space import Architecture
from supernet.fidelity import rank_agreement

Scores = Sequence[Mapping[str, float]]


def ranking(
    inherited: Mapping[str, Scores], alone: Sequence[Scores],
    architectures: Sequence[Architecture], gflops: Sequence[float],
) -> dict[str, Any]:
    """Agreement of every supernet with the networks trained alone.

    Args:
        inherited: scores of each architecture by supernet.
        alone: scores of each architecture by repetition.
        architectures: what was scored.
        gflops: of each.

    Returns:
        ``agreement`` by supernet and metric, against means over repetitions (of the first metric,
        for one that networks alone do not have); ``between_repeats``, the agreement of the first
        two repetitions, which bounds what a supernet can reach (absent with one repetition);
        ``multiply_adds``, that of minus the GFLOPs, which a supernet must beat to be of use;
        ``networks`` with all scores. Metrics in which all networks are alike are left out, but the
        first.
    """
    first, *others = alone[0][0]
    varying = [m for m in others if all(np.ptp([s[m] for s in scores]) > 0 for scores in alone)]
    means = {metric: _means(alone, metric) for metric in (first, *varying)}

    def compared(scores: Scores) -> dict[str, Any]:
        found = {}
        for metric in scores[0]:
            values = [s[metric] for s in scores]
            alike = metric in others and metric not in varying
            if metric == first or (not alike and np.ptp(values) > 0):
                found[metric] = rank_agreement(values, means.get(metric, means[first]))
        return found

    result: dict[str, Any] = {
        "agreement": {name: compared(scores) for name, scores in inherited.items()}
    }
    if len(alone) > 1:
        result["between_repeats"] = {
            metric: rank_agreement(*([s[metric] for s in scores] for scores in alone[:2]))
            for metric in means
        }
    if np.ptp(gflops) > 0:
        result["multiply_adds"] = {metric: rank_agreement([-each for each in gflops], values)
                                   for metric, values in means.items()}
    result["networks"] = [
        {
            "architecture": architecture.as_json(), "gflops": gflops[index],
            "alone": [dict(scores[index]) for scores in alone],
            "inherited": {name: dict(scores[index]) for name, scores in inherited.items()},
        }
        for index, architecture in enumerate(architectures)
    ]
    return result


def _means(alone: Sequence[Scores], metric: str) -> list[float]:
    return [float(m) for m in np.mean([[s[metric] for s in scores] for scores in alone], axis=0)]


def _words(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in told.items())


def show(result: Mapping[str, Any]) -> None:
    """Prints the agreement as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{len(result['networks'])} architectures: inherited against alone")
    for title in ("supernet", "trained", "metric", "Kendall's tau", "90 %", "p", "Spearman"):
        table.add_column(title)
    rows = [
        (name, _words(result["run"]["supernets"][name]["told_apart"]), found)
        for name, found in result["agreement"].items()
    ]
    if "between_repeats" in result:
        rows.append(("alone, again", "-", result["between_repeats"]))
    if "multiply_adds" in result:
        rows.append(("more multiply-adds", "-", result["multiply_adds"]))
    for name, weight, found in rows:
        for metric, agreement in found.items():
            table.add_row(
                name, weight, metric, f"{agreement['kendall']:.3f}",
                f"{agreement['kendall_low']:.2f} to {agreement['kendall_high']:.2f}",
                f"{agreement['kendall_p']:.3f}", f"{agreement['spearman']:.3f}",
            )
    Console(width=110).print(table)
