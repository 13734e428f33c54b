"""The report's page: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from html import escape
from importlib.resources import files
from pathlib import Path

from evolution.engines import told as engines_told
from evolution.reporting import charts, drawing
from evolution.reporting.calibration import calibration
from evolution.reporting.figure import Figure
from evolution.reporting.fronts import front_chart, front_section
from evolution.reporting.story import Story
from evolution.reporting.tables import comparison, headline, limits, provenance, rounds
from evolution.result import Result
from luts.pages import render_page

_STEPS = {
    "measured": "Exported to ONNX, compared with torch, and measured on the target, interleaved "
    "with the reference.",
    "estimated": "Exported to ONNX and compared with torch. Nothing was measured: all latencies "
    "are predictions.",
    "settled": "Searched by predictions; exported to ONNX, compared with torch, and later measured "
    "on the target, interleaved with the reference.",
}


def render(story: Story) -> str:
    """The whole page.

    Args:
        story: what to tell.

    Returns:
        HTML with scripts, styles and pictures inside.
    """
    result = story.result
    status = "verified" if result.verified else "not verified"
    fields = {
        "title": escape(f"{result.recipe} on {result.target}"),
        "status": status,
        "status_class": "good" if result.verified else "bad",
        "reason": _reason(result),
        "verification": _STEPS[_basis(result)] + escape(engines_told(result.engines)),
        "space": escape(f"{len(story.candidates)} of {story.evidence.space_size:,} architectures "
                        f"scored, seed {result.seed}"),
        "headline": headline(result),
        "comparison": comparison(result),
        "limits": limits(result),
        "front": front_section(result),
        "architecture": drawing.draw_architecture(
            result.best.architecture or {}, story.evidence.decisions, story.evidence.parts
        ),
        "parts": drawing.draw_parts(story.evidence.parts),
        "pictures": _pictures(story),
        "caption": escape(story.caption),
        "rounds": rounds(result),
        "provenance": provenance(result),
        "recipe": escape(story.recipe_text),
    }
    return render_page(files("evolution") / "templates" / "report.html", fields,
                       figures(story))


def figures(story: Story) -> dict[str, Figure]:
    """The charts of a run, as plain Plotly figures by name."""
    return {
        "trade-off": charts.trade_off(story),
        "convergence": charts.convergence(story),
        "calibration": calibration(story),
        **({} if story.result.front is None else {"front": front_chart(story.result)}),
    }


def _basis(result: Result) -> str:
    settled = result.latencies == "estimated" and result.best.measured is not None
    return "settled" if settled else result.latencies


def _reason(result: Result) -> str:
    if not result.reason:
        return ""
    text = escape(result.reason)
    if result.to_verify:
        text += f"; on the device: <code>{escape(result.to_verify)}</code>"
    return f'<p class="reason">{text}</p>'


def _pictures(story: Story) -> str:
    rows = []
    for number, panels in enumerate(story.pictures, start=1):
        cells = "".join(
            f'<figure><img alt="{escape(title)} of example {number}" src="{_inline(path)}">'
            f"<figcaption>{escape(title)}</figcaption></figure>"
            for title, path in panels
        )
        rows.append(f'<div class="pair" style="--panels:{len(panels)}">{cells}</div>')
    return "".join(rows) or "<p>No pictures were drawn.</p>"


def _inline(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()

