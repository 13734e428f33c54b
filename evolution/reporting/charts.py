"""The report's charts as plain Plotly figures; the page adds fonts and colours of its theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from evolution.reporting.figure import (
    BUDGET,
    NEUTRAL,
    REFERENCE,
    STRUCK,
    WINNER,
    Figure,
    figure,
    legend_above,
)
from evolution.reporting.story import Story
from evolution.result import Result
from evolution.scoring import Candidate

# Nearer to the table's level than this, one line tells both.
_LEVEL = 0.005
# Middle tones, so that both ends stand out from a white and from a dark page.
_BATCHES = [[0.0, "#4c86d8"], [0.5, "#b45cc0"], [1.0, "#f0a13a"]]


def trade_off(story: Story) -> Figure:
    """Everything that was evaluated: predicted latency against the minimised metric."""
    result, name = story.result, story.judged_by
    shown = [c for c in story.candidates if _metric(c, name) is not None]
    best, reference = result.best, result.reference
    batches = 1 + max((c.generation for c in shown), default=0)
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
            "cmin": 1,
            "cmax": max(2, batches),
            "colorbar": {"title": {"text": "batch"}, "thickness": 10, "outlinewidth": 0,
                         "dtick": 1 + batches // 10},
        },
    }
    front = pareto_front(shown, name)
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
        _mark("winner, predicted", best.predicted_latency_ms, best.metrics.get(name), WINNER,
              "star-open"),
    ]
    for title, network, colour, symbol in (("reference", reference, REFERENCE, "diamond"),
                                           ("winner", best, WINNER, "star")):
        if network.measured_latency_ms is not None:
            marks.append(_mark(f"{title}, measured", network.measured_latency_ms,
                               network.metrics.get(name), colour, symbol))
    for done in result.rounds:
        if done.check.faults:
            # A struck candidate was scored, so its metric stands among the candidates.
            y = next((_metric(c, name) for c in shown if c.upper_ms == done.upper_latency_ms
                      and c.latency_ms == done.predicted_latency_ms), None)
            struck = done.check.best
            marks.append(_mark("struck", struck.median_ms if struck else done.predicted_latency_ms,
                               y, STRUCK, "x"))
    drawn = figure([cloud, line, *(mark for mark in marks if mark["y"] != [None])],
                   "latency (ms)", name)
    budget_ms, at_table_ms = result.constraint.latency_ms, budget_at_table(result)
    _vertical(drawn, budget_ms, f"budget {budget_ms:.2f} ms", BUDGET)
    if abs(at_table_ms / budget_ms - 1) > _LEVEL:
        # Predictions are at the table's level, and the budget at the machine's.
        _vertical(drawn, at_table_ms, f"for predictions {at_table_ms:.2f} ms", BUDGET, 0.94)
    if reference.metrics.get(name) is None and reference.measured_latency_ms is not None:
        # What candidates are judged by may be known of members of the space alone.
        own_ms = reference.measured_latency_ms
        _vertical(drawn, own_ms, f"reference {own_ms:.2f} ms", REFERENCE, 0.88)
    return drawn


def budget_at_table(result: Result) -> float:
    """The budget in ms where the machine is at its table's level, at which predictions are."""
    return result.constraint.latency_ms * result.shared / result.scale


def convergence(story: Story) -> Figure:
    """The best within the budget so far, and each score, in order of evaluation."""
    name, budget = story.judged_by, story.result.constraint.latency_ms
    values = [_metric(c, name) for c in story.candidates]
    within = [
        value if value is not None and c.upper_ms * story.result.scale <= budget else math.inf
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
    return legend_above(figure(data, "evaluation", name))


def _metric(candidate: Candidate, name: str) -> float | None:
    return candidate.metrics.get(name)


def pareto_front(candidates: Sequence[Candidate], name: str) -> list[Candidate]:
    """Those that none is both faster than and better in a metric, the fastest first."""
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


def _vertical(drawn: Figure, x_ms: float, text: str, colour: str, top: float = 1.0) -> None:
    layout = drawn["layout"]
    layout.setdefault("shapes", []).append(
        {"type": "line", "x0": x_ms, "x1": x_ms, "yref": "paper", "y0": 0, "y1": top,
         "line": {"color": colour, "width": 1.5, "dash": "dash" if top == 1 else "dot"}})
    layout.setdefault("annotations", []).append(
        {"x": x_ms, "y": top, "yref": "paper", "yanchor": "bottom", "showarrow": False,
         "text": text, "font": {"color": colour, "size": 12}})
