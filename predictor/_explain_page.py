"""The page of plots of an explanation."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from luts.files import atomic_path
from predictor.explanation import Explanation

_OPERATORS = 20
_ROW_PX = 22
_MARK_PX = 26
_OPERATOR_PX = 34


def write_page(path: Path, found: Explanation, title: str) -> None:
    """Writes one page that needs no network: decisions, their choices, operators.

    Args:
        path: HTML file.
        found: what is shown.
        title: what it is of.
    """
    # Figures of their own: the long names of operators would push the others aside.
    figures = [_choices(found), _effects(found), _operators(found)]
    parts = [figure.to_html(full_html=False, include_plotlyjs=place == 0)
             for place, figure in enumerate(figures)]
    heading = escape(f"{title}: where the time goes")
    with atomic_path(path) as temporary:
        temporary.write_text(
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{heading}</title>'
            "<style>body{font-family:sans-serif;margin:2rem auto;max-width:70rem}</style></head>"
            f"<body><h1>{heading}</h1>{''.join(parts)}</body></html>"
        )


def _choices(found: Explanation) -> Any:
    import plotly.graph_objects as go

    decisions = found.decisions[::-1]
    marks = []
    for place in range(max(len(item.by_choice_ms) for item in decisions)):
        points = [(item.name, *list(item.by_choice_ms.items())[place]) for item in decisions
                  if place < len(item.by_choice_ms)]
        marks.append(go.Scatter(
            y=[p[0] for p in points], x=[p[2] for p in points], text=[str(p[1]) for p in points],
            hovertemplate="%{y} = %{text}: %{x:+.3f} ms<extra></extra>",
            mode="markers+text", textfont={"size": 10, "color": "white"},
            marker={"size": 19, "color": f"hsl({210 + 40 * place}, 45%, {50 - 6 * place}%)"},
        ))
    return _figure("What each choice adds or takes, on average over random architectures", marks,
                   _MARK_PX * len(decisions))


def _effects(found: Explanation) -> Any:
    import plotly.graph_objects as go

    decisions = found.decisions[::-1]
    bar = go.Bar(
        y=[item.name for item in decisions], x=[item.effect_ms for item in decisions],
        text=[str(item.chosen) for item in decisions], marker_color="#3b6ea5",
        hovertemplate="%{y} = %{text}: %{x:+.3f} ms<extra></extra>",
    )
    title = (f"What it adds in this architecture ({found.latency_ms:.2f} ms; random ones take "
             f"{found.mean_ms:.2f} ms on average)")
    return _figure(title, [bar], _ROW_PX * len(decisions))


def _operators(found: Explanation) -> Any:
    import plotly.graph_objects as go

    operators = found.operators[:_OPERATORS][::-1]
    bar = go.Bar(
        # Attributes below the shape: one line of both is wider than the bars.
        y=[item.key.replace("[", "<br>[", 1) for item in operators],
        x=[item.latency_ms for item in operators], marker_color="#7a9e5b",
        text=[f"{item.share:.1%}, {item.executions} x" for item in operators],
        hovertemplate="%{y}: %{x:.3f} ms, %{text}<extra></extra>",
    )
    return _figure("Operators of this architecture", [bar], _OPERATOR_PX * len(operators))


def _figure(title: str, traces: list[Any], height_px: int) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure(traces)
    figure.update_traces(showlegend=False)
    figure.update_traces(orientation="h", textposition="auto", textangle=0,
                         selector={"type": "bar"})
    figure.update_xaxes(title_text="ms")
    figure.update_yaxes(automargin=True, tickfont={"size": 11})
    figure.update_layout(title=title, template="plotly_white",
                         height=height_px + 160, margin={"l": 10, "r": 10})
    return figure
