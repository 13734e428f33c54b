"""Pages with plots: one HTML file each that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

CHARTS = files("luts") / "templates" / "charts.js"


def render_page(
    template: Traversable, fields: Mapping[str, str], figures: Mapping[str, Mapping[str, Any]],
    style: Traversable | None = None,
) -> str:
    """A page with scripts and styles inside.

    Args:
        template: HTML of the page's content, in which ``{{name}}`` marks a field.
        fields: HTML for the marks; among them ``title``, which the whole page has.
        figures: Plotly figure for the element of each id.
        style: CSS beyond that of all pages.
    """
    from plotly.offline import get_plotlyjs

    folder = files("luts") / "templates"
    css = [folder / "page.css", *([] if style is None else [style])]
    return _fill(folder / "page.html", {
        "title": fields["title"],
        "style": "".join(file.read_text(encoding="utf-8") for file in css),
        "main": _fill(template, fields),
        "script": CHARTS.read_text(encoding="utf-8"),
        "figures": json.dumps(dict(figures), allow_nan=False).replace("</", "<\\/"),
        "plotly": get_plotlyjs(),
    })


def _fill(template: Traversable, fields: Mapping[str, str]) -> str:
    # Cut once, so that nothing that is filled in is searched for further marks.
    head, *rest = template.read_text(encoding="utf-8").split("{{")
    pieces = [head]
    for piece in rest:
        name, _, text = piece.partition("}}")
        pieces += [fields[name], text]
    return "".join(pieces)
