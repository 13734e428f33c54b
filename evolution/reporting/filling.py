"""Templates of pages: one HTML file each that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files

from evolution.reporting.figure import Figure


def fill(template: str, fields: Mapping[str, str], figures: Mapping[str, Figure]) -> str:
    """A page of the package with scripts and styles inside.

    Args:
        template: file of the package's templates, in which ``{{name}}`` marks a field.
        fields: HTML for the marks; ``style``, ``script``, ``figures`` and ``plotly`` are added.
        figures: Plotly figure for the element of each id.
    """
    from plotly.offline import get_plotlyjs

    folder = files("evolution") / "templates"
    every = {
        **fields,
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "script": (folder / "charts.js").read_text(encoding="utf-8"),
        "figures": json.dumps(dict(figures), allow_nan=False).replace("</", "<\\/"),
        "plotly": get_plotlyjs(),
    }
    # Cut once, so that nothing that is filled in is searched for further marks.
    head, *rest = (folder / template).read_text(encoding="utf-8").split("{{")
    pieces = [head]
    for piece in rest:
        name, _, text = piece.partition("}}")
        pieces += [every[name], text]
    return "".join(pieces)
