"""The page of plots of an explanation."""

from __future__ import annotations

from pathlib import Path

from luts.files import atomic_path
from predictor.explanation import Explanation

_OPERATORS = 20
_ROW_PX = 22


def write_page(path: Path, found: Explanation, title: str) -> None:
    """Writes one page that needs no network: decisions, their choices, operators.

    Args:
        path: HTML file.
        found: what is shown.
        title: what it is of.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    decisions, operators = found.decisions[::-1], found.operators[:_OPERATORS][::-1]
    figure = make_subplots(
        rows=3, cols=1, vertical_spacing=0.07,
        row_heights=[len(decisions), len(decisions), max(8, len(operators))],
        subplot_titles=(
            "What each decision adds or takes, on average over random architectures",
            f"What it adds in this architecture ({found.latency_ms:.2f} ms; random ones take "
            f"{found.mean_ms:.2f} ms on average)",
            "Operators of this architecture",
        ),
    )
    names = [item.name for item in decisions]
    most = max(len(item.by_choice_ms) for item in decisions)
    for place in range(most):
        points = [(item.name, *list(item.by_choice_ms.items())[place]) for item in decisions
                  if place < len(item.by_choice_ms)]
        figure.add_trace(go.Bar(
            y=[p[0] for p in points], x=[p[2] for p in points], text=[str(p[1]) for p in points],
            orientation="h", showlegend=False, textposition="auto",
            hovertemplate="%{y} = %{text}: %{x:+.3f} ms<extra></extra>",
            marker_color=f"hsl({210 + 40 * place}, 45%, {65 - 8 * place}%)",
        ), row=1, col=1)
    figure.add_trace(go.Bar(
        y=names, x=[item.effect_ms for item in decisions], orientation="h", showlegend=False,
        text=[str(item.chosen) for item in decisions], textposition="auto",
        hovertemplate="%{y} = %{text}: %{x:+.3f} ms<extra></extra>", marker_color="#3b6ea5",
    ), row=2, col=1)
    figure.add_trace(go.Bar(
        y=[item.key for item in operators], x=[item.latency_ms for item in operators],
        orientation="h", showlegend=False, marker_color="#7a9e5b",
        text=[f"{item.share:.1%}, {item.executions} x" for item in operators],
        hovertemplate="%{y}: %{x:.3f} ms, %{text}<extra></extra>",
    ), row=3, col=1)
    figure.update_xaxes(title_text="ms")
    figure.update_layout(
        title=f"{title}: where the time goes", barmode="relative", template="plotly_white",
        height=_ROW_PX * (2 * len(decisions) + len(operators)) + 420,
        margin={"l": 10, "r": 10},
    )
    figure.update_yaxes(automargin=True, tickfont={"size": 11})
    with atomic_path(path) as temporary:
        temporary.write_text(figure.to_html(full_html=True, include_plotlyjs=True))
