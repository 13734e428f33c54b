"""What a search says at its end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolution.result import Result


def summary(result: Result, folder: Path) -> None:
    """Prints the result beside the reference, and what became of its constraints."""
    from rich.console import Console
    from rich.table import Table

    verdict = "verified" if result.verified else "NOT verified"
    shown = Table(title=f"{result.recipe} on {result.target}: {verdict}")
    shown.add_column("")
    for name in ("searched", "reference"):
        shown.add_column(name, justify="right")
    for title, field in (
        ("predicted latency (ms)", "predicted_latency_ms"),
        ("upper bound (ms)", "upper_latency_ms"),
        ("measured latency (ms)", "measured_latency_ms"),
    ):
        values = [getattr(n, field) for n in (result.best, result.reference)]
        shown.add_row(title, *("-" if value is None else f"{value:.3f}" for value in values))
    for name in result.best.metrics:
        pair = [n.metrics.get(name) for n in (result.best, result.reference)]
        shown.add_row(name, *("-" if value is None else f"{value:.4f}" for value in pair))
    shown.add_row("parameters", f"{result.best.parameters:,}", f"{result.reference.parameters:,}")
    console = Console()
    console.print(shown)
    for limit in result.limits[1:]:
        measured = "" if limit.measured is None else f", measured {_amount(limit.measured)}"
        place, known = "", ""
        if limit.target:
            # A bound on a target that is not here must not look like a measurement.
            place, known = f" on {limit.target}", "predicted at most "
            measured = measured or ", NOT measured"
        console.print(f"{limit.name}{place}: {known}{_amount(limit.upper)} of "
                      f"{_amount(limit.limit)}{measured}", highlight=False)
    if result.front is not None:
        done = sum(point.verified for point in result.front.points)
        console.print(f"front: {len(result.front.points)} networks, {done} of them measured",
                      highlight=False)
    known = "predicted budget" if result.latencies == "estimated" else "budget"
    console.print(f"{known} {result.constraint.latency_ms:.3f} ms, "
                  f"{result.evaluations} architectures scored; all of it in {folder}/report.html",
                  highlight=False)
    print(f"carry it to its device with: python -m evolution.export {folder}")
    if result.reason:
        print(f"not verified: {result.reason}", file=sys.stderr)
    if result.to_verify:
        print(f"verify it on the device with: {result.to_verify}", file=sys.stderr)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 1e4 else f"{value:,.3f}"
