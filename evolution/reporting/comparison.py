"""The page, table and text of a comparison of runs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from evolution.reporting.comparing import Compared
from evolution.reporting.figure import Figure, figure, legend_above
from evolution.reporting.tables import table
from luts.pages import render_page

# Middle tones, which stand out from a white and from a dark page.
_COLOURS = ("#12a594", "#e5732d", "#4c86d8", "#d6409f", "#8a5cd1", "#c69026", "#46a758", "#e5484d",
            "#0f9dc4", "#7c8ba1")


def columns(runs: Sequence[Compared]) -> list[str]:
    """Names of all columns in their order."""
    return list(dict.fromkeys(name for run in runs for name in run.row()))


def cells(run: Compared, names: Sequence[str], unknown: str = "") -> list[str]:
    """A run's row as text."""
    row = run.row()
    return [_text(row.get(name), unknown) for name in names]


def render(runs: Sequence[Compared]) -> str:
    """The whole page.

    Args:
        runs: at least one.

    Returns:
        HTML with scripts and styles inside.
    """
    objective = runs[0].result.objective
    names = columns(runs)
    fields = {
        "title": f"{len(runs)} searches compared",
        "explained": escape(
            f"Latencies in ms and scores are the winner's. Hypervolume: what dominates, as a share "
            f"of the box from 0 to the largest predicted latency and {objective} that any run of "
            "the same target scored."
        ),
        "table": table(names, [cells(run, names, "unknown") for run in runs]),
    }
    return render_page(files("evolution") / "templates" / "comparison.html", fields,
                       figures(runs))


def figures(runs: Sequence[Compared]) -> dict[str, Figure]:
    """The charts of a comparison, as plain Plotly figures by name."""
    objective = runs[0].result.objective
    return {
        "winners": _winners(runs, objective),
        "best": _curves(runs, [run.best for run in runs], f"{objective}, best so far"),
        "hypervolume": _curves(runs, [run.hypervolumes for run in runs], "hypervolume"),
    }


def _text(value: Any, unknown: str) -> str:
    if value is None:
        return unknown
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _winners(runs: Sequence[Compared], objective: str) -> Figure:
    stars: list[Figure] = []
    for place, run in enumerate(runs):
        best = run.result.best
        measured = best.measured_latency_ms
        stars.append({
            "type": "scatter", "mode": "markers", "name": run.name,
            "x": [best.predicted_latency_ms if measured is None else measured],
            "y": [best.metrics.get(objective)],
            "marker": {"size": 15, "color": _colour(place),
                       "symbol": "star-open" if measured is None else "star"},
            "hovertemplate": f"{escape(run.name)}<br>%{{x:.3f}} ms, {objective} %{{y:.3f}}"
            "<extra></extra>",
        })
    drawn = legend_above(figure(stars, "latency (ms)", objective))
    drawn["layout"]["shapes"] = [
        {"type": "line", "x0": run.result.constraint.latency_ms,
         "x1": run.result.constraint.latency_ms, "yref": "paper", "y0": 0, "y1": 1,
         "line": {"color": _colour(place), "width": 1.2, "dash": "dash"}}
        for place, run in enumerate(runs)
    ]
    return drawn


def _curves(
    runs: Sequence[Compared], values: Sequence[Sequence[float | None]], title: str
) -> Figure:
    lines: list[Figure] = [
        {"type": "scatter", "mode": "lines", "name": run.name,
         "x": list(range(1, len(curve) + 1)), "y": list(curve),
         "line": {"shape": "hv", "width": 2, "color": _colour(place)}}
        for place, (run, curve) in enumerate(zip(runs, values, strict=True))
    ]
    return legend_above(figure(lines, "evaluation", title))
