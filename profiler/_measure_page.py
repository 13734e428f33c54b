"""The page of a measured model: one HTML file that needs nothing else."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from luts.errors import UserError
from luts.files import atomic_path
from luts.pages import render_page
from profiler._flame import Block, module_tree
from profiler.model_times import ModelTimes

Figure = dict[str, Any]

# Middle tones, so that they stand out from a white and from a dark page; the rest is grey.
_COLOURS = ("#4c86d8", "#12a594", "#e5732d", "#b45cc0", "#d6409f", "#8f8a2c", "#5b8def", "#c8733c")
_MODULE, _OTHER, _UNATTRIBUTED = "#7c8ba1", "#93a0b3", "#b9c1cc"


def write_page(path: Path, found: ModelTimes) -> None:
    """Writes the page atomically.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(render(found), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write '{path}' ({error.strerror or error})") from None


def render(found: ModelTimes) -> str:
    """The whole page, scripts and styles inside."""
    kinds = _kinds(found)
    colours = {kind: colour for (kind, _), colour in zip(kinds, _COLOURS, strict=False)}
    figures = {"flame": _flame(found, colours), "kinds": _bars(found, kinds, colours)}
    fields = {
        "title": escape(found.model),
        "about": escape(f"{found.device.get('model')}, {found.threads} thread(s), {found.runtime} "
                        f"{found.runtime_version}, {found.precision}, {found.created}"),
        "cards": "".join(_cards(found)),
        "rows": "".join(_rows(found)),
    }
    folder = files("profiler") / "templates"
    return render_page(folder / "measure.html", fields, figures, folder / "measure.css")


def _kinds(found: ModelTimes) -> list[tuple[str, float]]:
    total: dict[str, float] = defaultdict(float)
    for layer in found.layers:
        total[layer.kind] += layer.latency_ms
    return sorted(total.items(), key=lambda item: -item[1])


def _flame(found: ModelTimes, colours: dict[str, str]) -> Figure:
    """Icicle: the whole on top, modules below, each as wide as its time."""
    tree = module_tree(found.model, found.layers)
    ids, labels, parents, values, fills, facts = [], [], [], [], [], []

    def add(block: Block, place: str, parent: str, colour: str) -> None:
        ids.append(place)
        labels.append(escape(block.label))
        parents.append(parent)
        values.append(block.latency_ms)
        fills.append(colour)
        # Its value is only its own time, to which the chart adds what lies below.
        facts.append([escape(block.kind or "module"), f"{_total_ms(block):.4g} ms"])

    def descend(block: Block, place: str) -> None:
        for part in sorted(block.parts.values(), key=_total_ms, reverse=True):
            below = f"{place}/{part.label}"
            colour = colours.get(part.kind, _OTHER) if part.kind else _MODULE
            add(part, below, place, colour)
            descend(part, below)

    left = Block("unattributed", max(0.0, found.unattributed_ms), "between the layers")
    add(Block(found.model, parts={**tree.parts, "": left}), "/", "", _MODULE)
    descend(tree, "/")
    add(left, "unattributed", "/", _UNATTRIBUTED)
    trace = {
        "type": "icicle", "ids": ids, "labels": labels, "parents": parents, "values": values,
        "customdata": facts, "branchvalues": "remainder", "tiling": {"orientation": "v"},
        "marker": {"colors": fills, "line": {"width": 1}}, "sort": False, "leaf": {"opacity": 1},
        "texttemplate": "%{label}<br>%{customdata[1]}", "pathbar": {"visible": True},
        "hovertemplate": "%{id}<br>%{customdata[0]}<br>%{customdata[1]}, %{percentRoot:.1%}"
        "<extra></extra>",
    }
    return {"data": [trace], "layout": {"margin": {"l": 0, "r": 0, "t": 24, "b": 0}}}


def _total_ms(block: Block) -> float:
    return block.latency_ms + sum(map(_total_ms, block.parts.values()))


def _bars(
    found: ModelTimes, kinds: list[tuple[str, float]], colours: dict[str, str]
) -> Figure:
    shown = [*kinds, ("unattributed", found.unattributed_ms)][::-1]
    fills = [_UNATTRIBUTED, *(colours.get(kind, _OTHER) for kind, _ in kinds[::-1])]
    trace = {
        "type": "bar", "orientation": "h", "y": [escape(kind) for kind, _ in shown],
        "x": [latency_ms for _, latency_ms in shown], "marker": {"color": fills},
        "text": [f"{latency_ms / found.median_ms:.1%}" for _, latency_ms in shown],
        "textposition": "auto", "hovertemplate": "%{y}: %{x:.4f} ms, %{text}<extra></extra>",
    }
    layout = {"margin": {"l": 12, "r": 12, "t": 8, "b": 44}, "showlegend": False,
              "height": 90 + 26 * len(shown), "xaxis": {"title": {"text": "ms per inference"}},
              "yaxis": {"type": "category"}}
    return {"data": [trace], "layout": layout}


def _cards(found: ModelTimes) -> list[str]:
    facts = [
        ("median", f"{found.median_ms:.4g} ms", f"known to {100 * found.error:.2f} %"),
        ("p10 to p90", f"{found.p10_ms:.4g} to {found.p90_ms:.4g} ms",
         f"p99 {found.p99_ms:.4g} ms"),
        ("samples", str(found.samples), f"{found.discarded} more disturbed and thrown away"),
        ("unattributed", f"{found.unattributed_ms:.3g} ms",
         f"{found.unattributed_ms / found.median_ms:.1%}, between the layers"),
    ]
    return [
        f'<div class="card"><div class="soft">{escape(title)}</div><div class="value">'
        f'{escape(value)}</div><div class="soft">{escape(note)}</div></div>'
        for title, value, note in facts
    ]


def _rows(found: ModelTimes) -> list[str]:
    return [
        f'<tr><th scope="row">{escape(layer.name)}</th><td>{escape(layer.kind)}</td>'
        f'<td class="number">{layer.latency_ms:.4f}</td><td class="number">{layer.share:.1%}</td>'
        "</tr>"
        for layer in found.layers
    ]
