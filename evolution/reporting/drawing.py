"""The architecture drawn: blocks as bars, width and expansion as heights, kernel as colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from evolution.evidence import Decision

_BAR, _GAP, _HEIGHT, _TOP = 26, 5, 170, 16
_GENES = ("width", "kernel", "depth", "expansion")


def draw_architecture(
    architecture: Mapping[str, int],
    decisions: Sequence[Decision],
    parts: Sequence[tuple[str, float]],
) -> str:
    """SVG of a network of cells; a table of decisions for other spaces.

    Each cell is drawn as one bar per block. Solid height is the output width, pale height the
    expanded width, colour the kernel; dashed outlines are blocks that the space offers and this
    network leaves out.

    Args:
        architecture: decision to value.
        decisions: the space's decisions, named ``cell1.width`` and so on.
        parts: factor names and predicted latencies in ms.

    Returns:
        An HTML fragment.
    """
    cells = list(dict.fromkeys(d.name.split(".")[0] for d in decisions))
    if any(f"{cell}.{gene}" not in architecture for cell in cells for gene in _GENES):
        return _plain(architecture, decisions)
    choices = {d.name: d.choices for d in decisions}
    tallest = max(
        max(choices[f"{cell}.width"]) * max(choices[f"{cell}.expansion"]) for cell in cells
    )
    pieces, x = [], 10
    before = architecture[f"{cells[0]}.width"]
    for cell in cells:
        genes = {gene: architecture[f"{cell}.{gene}"] for gene in _GENES}
        most = max(choices[f"{cell}.depth"])
        latency_ms = sum(ms for name, ms in parts if name.split(".")[0] == cell)
        pieces.append(_cell(cell, genes, before=before, most=most, scale=_HEIGHT / tallest, x=x,
                            latency_ms=latency_ms))
        before = genes["width"]
        x += max(most * (_BAR + _GAP) + 28, 104)
    return (
        f'<svg class="architecture" viewBox="0 0 {x} {_TOP + _HEIGHT + 74}" role="img" '
        f'aria-label="Architecture of the winner">{"".join(pieces)}</svg>'
        '<p class="note"><span class="key k-small"></span>3×3 '
        '<span class="key k-large"></span>5×5 and larger &nbsp; solid: output width &nbsp; pale: '
        "expanded width &nbsp; dashed: blocks left out</p>"
    )


def _cell(
    name: str,
    genes: Mapping[str, int],
    *,
    before: int,
    most: int,
    scale: float,
    x: int,
    latency_ms: float,
) -> str:
    base = _TOP + _HEIGHT
    inner = genes["width"] * scale
    colour = "k-small" if genes["kernel"] <= 3 else "k-large"
    bars = []
    for block in range(most):
        left = x + block * (_BAR + _GAP)
        if block < genes["depth"]:
            # A block expands what it reads: the first one the width of the cell before.
            read = before if block == 0 else genes["width"]
            bars.append(_rect(left, base, read * genes["expansion"] * scale, f"{colour} pale"))
            bars.append(_rect(left, base, inner, colour))
        else:
            bars.append(_rect(left, base, max(inner, 14), "ghost"))
    blocks = "1 block" if genes["depth"] == 1 else f"{genes['depth']} blocks"
    kernel = f"{genes['kernel']}×{genes['kernel']}"
    lines = (
        (base + 18, "name", name),
        (base + 34, "gene", f"{genes['width']} ch · {kernel}"),
        (base + 49, "gene", f"{blocks} · e{genes['expansion']}"),
        (base + 66, "latency", f"{latency_ms:.2f} ms" if latency_ms else ""),
    )
    texts = "".join(
        f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>' for y, kind, text in lines
    )
    return "".join(bars) + texts


def _rect(x: float, base: float, height: float, kind: str) -> str:
    return (
        f'<rect x="{x}" y="{base - height:.1f}" width="{_BAR}" height="{height:.1f}" rx="3" '
        f'class="{kind}"/>'
    )


def draw_parts(parts: Sequence[tuple[str, float]]) -> str:
    """Bars of the predicted latency of each part.

    Args:
        parts: factor names and predicted latencies in ms.

    Returns:
        An HTML fragment.
    """
    most = max((ms for _, ms in parts), default=0.0) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><div class="bar" '
        f'style="width:{100 * ms / most:.1f}%"></div></td><td class="number">{ms:.3f} ms</td></tr>'
        for name, ms in parts
    )
    return f'<table class="bars">{rows}</table>'


def _plain(architecture: Mapping[str, int], decisions: Sequence[Decision]) -> str:
    words = {(d.name, c): text for d in decisions
             for c, text in zip(d.choices, d.labels, strict=False)}
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        f'<td class="number">{escape(words.get((name, value), str(value)))}</td></tr>'
        for name, value in architecture.items()
    )
    return f"<table>{rows}</table>"
