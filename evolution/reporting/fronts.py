"""The front over a range of budgets, drawn and listed."""

from __future__ import annotations

from evolution.front import FrontPoint
from evolution.reporting.figure import NEUTRAL, REFERENCE, WINNER, Figure, figure, legend_above
from evolution.reporting.tables import table
from evolution.result import Result


def front_chart(result: Result) -> Figure:
    """Upper bounds and measured latencies of the front against the minimised metric."""
    front = result.front
    if front is None:
        return figure([], "latency (ms)", result.objective)
    name, points = result.objective, [p for p in front.points if p.metrics.get(result.objective)]
    measured = [p for p in points if p.measured is not None]
    data: list[Figure] = [
        {"type": "scatter", "mode": "lines+markers", "name": "front, upper bounds",
         "x": [p.upper_ms for p in points], "y": [p.metrics[name] for p in points],
         "line": {"shape": "hv", "color": NEUTRAL, "width": 1.5}, "marker": {"size": 6},
         "hovertemplate": f"{name} %{{y:.3f}}<br>at most %{{x:.3f}} ms<extra></extra>"},
        {"type": "scatter", "mode": "markers", "name": "front, measured",
         "x": [_median(p) for p in measured], "y": [p.metrics[name] for p in measured],
         "marker": {"size": 13, "color": WINNER, "symbol": "star"},
         "hovertemplate": f"{name} %{{y:.3f}}<br>measured %{{x:.3f}} ms<extra></extra>"},
    ]
    reference = result.reference
    latency_ms = reference.measured_latency_ms or reference.predicted_latency_ms
    if reference.metrics.get(name) is not None:
        data.append({"type": "scatter", "mode": "markers", "name": "reference",
                     "x": [latency_ms], "y": [reference.metrics[name]],
                     "marker": {"size": 13, "color": REFERENCE, "symbol": "diamond"}})
    return legend_above(figure(data, "latency (ms)", name))


def front_section(result: Result) -> str:
    """The section of the page; empty where one budget was searched for."""
    front = result.front
    if front is None:
        return ""
    rows = [
        (f"{point.upper_ms:.3f} ms", f"{point.latency_ms:.3f} ms", _measured(point),
         *(f"{point.metrics.get(name) or float('nan'):.4g}" for name in result.best.metrics),
         "verified" if point.verified else "not measured")
        for point in front.points
    ]
    heads = ("upper bound", "predicted", "measured", *result.best.metrics, "")
    volume = f"{front.hypervolume[-1]:.4g}" if front.hypervolume else "unknown"
    return (
        f"<section><h2>The front from {front.low_ms:.2f} to {front.high_ms:.2f} ms</h2>"
        '<p class="note">None of these is beaten in both by another that was evaluated; '
        f"hypervolume {volume}.</p>"
        f'<div class="chart tall" id="front"></div>{table(heads, rows)}</section>'
    )


def _median(point: FrontPoint) -> float | None:
    return None if point.measured is None else point.measured.median_ms


def _measured(point: FrontPoint) -> str:
    return "not measured" if point.measured is None else f"{point.measured.median_ms:.3f} ms"
