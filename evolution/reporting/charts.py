"""The report's charts as plain Plotly figures; the page adds fonts and colours of its theme."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

from evolution.reporting.story import Story
from evolution.scoring import Candidate

Figure = dict[str, Any]

WINNER, REFERENCE, BUDGET, STRUCK = "#12a594", "#e5732d", "#d6409f", "#e5484d"
NEUTRAL = "#7c8ba1"
# Middle tones, so that both ends stand out from a white and from a dark page.
_BATCHES = [[0.0, "#4c86d8"], [0.5, "#b45cc0"], [1.0, "#f0a13a"]]


def trade_off(story: Story) -> Figure:
    """Everything that was evaluated: predicted latency against the minimised metric."""
    result, name = story.result, story.result.objective
    shown = [c for c in story.candidates if _metric(c, name) is not None]
    best, reference = result.best, result.reference
    cloud = {
        "type": "scatter",
        "mode": "markers",
        "name": "evaluated",
        "x": [c.latency_ms for c in shown],
        "y": [_metric(c, name) for c in shown],
        "customdata": [[c.upper_ms, c.generation + 1] for c in shown],
        "hovertemplate": f"{name} %{{y:.3f}}<br>predicted %{{x:.3f}} ms"
        "<br>upper bound %{customdata[0]:.3f} ms<br>batch %{customdata[1]}<extra></extra>",
        "marker": {
            "size": 7,
            "opacity": 0.75,
            "color": [c.generation + 1 for c in shown],
            "colorscale": _BATCHES,
            "colorbar": {"title": {"text": "batch"}, "thickness": 10, "outlinewidth": 0},
        },
    }
    front = _front(shown, name)
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "Pareto front",
        "x": [c.latency_ms for c in front],
        "y": [_metric(c, name) for c in front],
        "line": {"shape": "hv", "width": 1.5, "color": NEUTRAL},
        "hoverinfo": "skip",
    }
    marks = [
        _mark("reference, predicted", reference.predicted_latency_ms, reference.metrics.get(name),
              REFERENCE, "diamond-open"),
        _mark("reference, measured", reference.measured_latency_ms, reference.metrics.get(name),
              REFERENCE, "diamond"),
        _mark("winner, predicted", best.predicted_latency_ms, best.metrics.get(name), WINNER,
              "star-open"),
        _mark("winner, measured", best.measured_latency_ms, best.metrics.get(name), WINNER, "star"),
    ]
    for done in result.rounds:
        if done.check.faults:
            # A struck candidate was scored, so its metric stands among the candidates.
            y = next((_metric(c, name) for c in shown if c.upper_ms == done.upper_latency_ms
                      and c.latency_ms == done.predicted_latency_ms), None)
            marks.append(_mark("struck, measured", done.check.best.median_ms, y, STRUCK, "x"))
    figure = _figure([cloud, line, *marks], "latency (ms)", name)
    _budget_line(figure, result.constraint.latency_ms)
    return figure


def convergence(story: Story) -> Figure:
    """The best within the budget so far, and each score, in order of evaluation."""
    name, budget = story.result.objective, story.result.constraint.latency_ms
    values = [_metric(c, name) for c in story.candidates]
    within = [
        value if value is not None and c.upper_ms <= budget else math.inf
        for c, value in zip(story.candidates, values, strict=True)
    ]
    best = [value if math.isfinite(value) else None for value in accumulate(within, min)]
    order = list(range(1, len(values) + 1))
    data: list[Figure] = [
        {"type": "scatter", "mode": "markers", "name": "evaluated", "x": order, "y": values,
         "marker": {"size": 5, "color": NEUTRAL, "opacity": 0.5},
         "hovertemplate": f"%{{x}}: {name} %{{y:.3f}}<extra></extra>"},
        {"type": "scatter", "mode": "lines", "name": "best so far", "x": order, "y": best,
         "line": {"shape": "hv", "width": 2.5, "color": WINNER}},
    ]
    reference = story.result.reference.metrics.get(name)
    if reference is not None and order:
        data.append({"type": "scatter", "mode": "lines", "name": "reference",
                     "x": [order[0], order[-1]], "y": [reference, reference],
                     "line": {"dash": "dash", "width": 1.5, "color": REFERENCE}})
    return _legend_above(_figure(data, "evaluation", name))


def calibration(story: Story) -> Figure:
    """Predicted against measured latency: the table's networks and what this run verified."""
    result, samples = story.result, story.evidence.samples
    every = [s.measured_ms for s in samples] + [s.predicted_ms for s in samples]
    every += [r.check.best.median_ms for r in result.rounds]
    every += [r.predicted_latency_ms for r in result.rounds]
    every += [result.reference.measured_latency_ms, result.reference.predicted_latency_ms]
    ends = [min(every) * 0.97, max(every) * 1.03]
    data: list[Figure] = [
        {"type": "scatter", "mode": "lines", "name": "measured = predicted", "x": ends, "y": ends,
         "line": {"color": NEUTRAL, "width": 1, "dash": "dot"}, "hoverinfo": "skip"},
        {"type": "scatter", "mode": "markers", "name": "networks of the table",
         "x": [s.predicted_ms for s in samples], "y": [s.measured_ms for s in samples],
         "marker": {"size": 6, "color": NEUTRAL, "opacity": 0.6},
         "hovertemplate": "predicted %{x:.3f} ms<br>measured %{y:.3f} ms<extra></extra>"},
    ]
    for title, struck, colour, symbol in (
        ("struck in verification", True, STRUCK, "x"),
        ("verified winner", False, WINNER, "star"),
    ):
        rounds = [r for r in result.rounds if bool(r.check.faults) is struck]
        if rounds:
            data.append(_measured(
                title,
                [(r.predicted_latency_ms, r.upper_latency_ms, r.check.best.median_ms)
                 for r in rounds],
                colour, symbol,
            ))
    reference = result.reference
    data.append(_measured(
        "reference",
        [(reference.predicted_latency_ms, reference.upper_latency_ms,
          reference.measured_latency_ms)],
        REFERENCE, "diamond",
    ))
    return _legend_above(_figure(data, "predicted latency (ms)", "measured latency (ms)"))


def _measured(
    title: str, points: list[tuple[float, float, float]], colour: str, symbol: str
) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "name": title,
        "x": [predicted for predicted, _, _ in points],
        "y": [measured for _, _, measured in points],
        "error_x": {"type": "data", "symmetric": False, "thickness": 1.5, "color": colour,
                    "array": [upper - predicted for predicted, upper, _ in points],
                    "arrayminus": [0.0] * len(points)},
        "marker": {"size": 12, "color": colour, "symbol": symbol},
        "hovertemplate": f"{title}<br>predicted %{{x:.3f}} ms<br>measured %{{y:.3f}} ms"
        "<extra></extra>",
    }


def _metric(candidate: Candidate, name: str) -> float | None:
    return candidate.metrics.get(name)


def _front(candidates: list[Candidate], name: str) -> list[Candidate]:
    front: list[Candidate] = []
    least = math.inf
    for candidate in sorted(candidates, key=lambda c: (c.latency_ms, _metric(c, name) or 0.0)):
        value = _metric(candidate, name)
        if value is not None and value < least:
            front.append(candidate)
            least = value
    return front


def _mark(title: str, x: float, y: float | None, colour: str, symbol: str) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "name": title, "x": [x], "y": [y],
        "marker": {"size": 15, "color": colour, "symbol": symbol,
                   "line": {"width": 1.5, "color": colour}},
        "hovertemplate": f"{title}<br>%{{x:.3f}} ms, %{{y:.3f}}<extra></extra>",
    }


def _budget_line(figure: Figure, budget_ms: float) -> None:
    figure["layout"]["shapes"] = [
        {"type": "line", "x0": budget_ms, "x1": budget_ms, "yref": "paper", "y0": 0, "y1": 1,
         "line": {"color": BUDGET, "width": 1.5, "dash": "dash"}}
    ]
    figure["layout"]["annotations"] = [
        {"x": budget_ms, "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False,
         "text": f"budget {budget_ms:.2f} ms", "font": {"color": BUDGET, "size": 12}}
    ]


def _figure(data: list[Figure], x_title: str, y_title: str) -> Figure:
    return {
        "data": data,
        "layout": {
            "margin": {"l": 56, "r": 12, "t": 28, "b": 48},
            "xaxis": {"title": {"text": x_title}, "zeroline": False},
            "yaxis": {"title": {"text": y_title}, "zeroline": False},
            "legend": {"orientation": "h", "y": -0.2},
            "hovermode": "closest",
        },
    }


def _legend_above(figure: Figure) -> Figure:
    figure["layout"]["legend"] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    return figure
