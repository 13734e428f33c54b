"""The chart of predictions against measurements."""

from __future__ import annotations

from evolution.reporting.figure import (
    NEUTRAL,
    REFERENCE,
    STRUCK,
    WINNER,
    Figure,
    figure,
    legend_above,
)
from evolution.reporting.story import Story


def calibration(story: Story) -> Figure:
    """Predicted against measured latency: the table's networks and what this run verified."""
    result, samples = story.result, story.evidence.samples
    every = [s.measured_ms for s in samples] + [s.predicted_ms for s in samples]
    measured = [(r, r.check.best.median_ms) for r in result.rounds if r.check.best is not None]
    every += [latency_ms for _, latency_ms in measured]
    every += [r.predicted_latency_ms for r in result.rounds]
    reference = result.reference
    every += [reference.predicted_latency_ms]
    if reference.measured_latency_ms is not None:
        every.append(reference.measured_latency_ms)
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
        rounds = [(r, ms) for r, ms in measured if bool(r.check.faults) is struck]
        if rounds:
            data.append(_measured(
                title,
                [(r.predicted_latency_ms, r.upper_latency_ms, ms) for r, ms in rounds],
                colour, symbol,
            ))
    if reference.measured_latency_ms is not None:
        data.append(_measured(
            "reference",
            [(reference.predicted_latency_ms, reference.upper_latency_ms,
              reference.measured_latency_ms)],
            REFERENCE, "diamond",
        ))
    return legend_above(figure(data, "predicted latency (ms)", "measured latency (ms)"))


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
