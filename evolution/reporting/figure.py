"""What all charts of the report share: colours and the frame of a figure."""

from __future__ import annotations

from typing import Any

Figure = dict[str, Any]

WINNER, REFERENCE, BUDGET, STRUCK = "#12a594", "#e5732d", "#d6409f", "#e5484d"
NEUTRAL = "#7c8ba1"


def figure(data: list[Figure], x_title: str, y_title: str) -> Figure:
    """A chart with two titled axes."""
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


def legend_above(drawn: Figure) -> Figure:
    """Moves the legend over the plot, where several rows have room."""
    drawn["layout"]["legend"] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    return drawn
