"""The page of plots of an evaluation: prediction against measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from luts.files import atomic_path
from predictor.evaluation_result import Evaluation
from predictor.extremes import Floats


def write_page(path: Path, result: Evaluation, title: str) -> None:
    """Writes one page that needs no network.

    Args:
        path: HTML file.
        result: predictions beside measurements.
        title: what was evaluated.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    pace_ms = result.measured_ms / result.slowness
    views = (("As the clock showed", result.accuracy),
             ("At the table's pace", result.accuracy_at_pace),
             ("And at the reference's level", result.accuracy_at_level))
    figure = make_subplots(rows=1, cols=len(views), subplot_titles=[
        f"{view}<br><sub>mean absolute error {found.mape:.1%}, within 5 % {found.within_5:.0%}, "
        f"below the bound {found.coverage:.1%}</sub>" for view, found in views])
    sides: list[tuple[int, Floats, Floats]] = [
        (1, result.measured_ms, result.upper_ms),
        (2, pace_ms, result.upper_ms * np.exp(-result.speed_margin)),
        (3, pace_ms / result.levels, result.upper_ms * np.exp(-result.speed_margin)),
    ]
    for column, measured_ms, upper_ms in sides:
        above = measured_ms > upper_ms
        for mask, name, colour in ((~above, "below the bound", "#3b6ea5"),
                                   (above, "above the bound", "#c0504d")):
            figure.add_trace(go.Scatter(
                x=result.predicted_ms[mask], y=measured_ms[mask], mode="markers", name=name,
                legendgroup=name, showlegend=column == 1, marker={"color": colour, "size": 7},
                text=[str(vector.tolist()) for vector in result.vectors[mask]],
                hovertemplate="predicted %{x:.3f} ms, measured %{y:.3f} ms<br>%{text}"
                              "<extra></extra>",
            ), row=1, col=column)
        order = np.argsort(result.predicted_ms)
        predicted_ms = result.predicted_ms[order]
        for name, values, dash in (("prediction", predicted_ms, "solid"),
                                   ("upper bound", upper_ms[order], "dash"),
                                   ("± 5 %", 1.05 * predicted_ms, "dot"),
                                   ("− 5 %", 0.95 * predicted_ms, "dot")):
            figure.add_trace(go.Scatter(
                x=predicted_ms, y=values, mode="lines", name=name, legendgroup=dash,
                showlegend=column == 1 and name != "− 5 %",
                line={"dash": dash, "color": "#555555", "width": 1}, hoverinfo="skip",
            ), row=1, col=column)
    figure.update_xaxes(title_text="predicted, ms")
    figure.update_yaxes(title_text="measured, ms")
    figure.update_layout(title=title, template="plotly_white", height=600, margin={"t": 130})
    with atomic_path(path) as temporary:
        temporary.write_text(figure.to_html(full_html=True, include_plotlyjs=True))
