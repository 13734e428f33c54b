"""Layers as a tree of modules, read from the segments of their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from profiler.model_times import Layer


@dataclass(slots=True)
class Block:
    """One module, or one layer where nothing lies below.

    Attributes:
        label: last segment of its name.
        latency_ms: its own time, without what lies below.
        kind: operator type of a layer; empty for a module.
        parts: label to what lies below.
    """

    label: str
    latency_ms: float = 0.0
    kind: str = ""
    parts: dict[str, Block] = field(default_factory=dict)


def module_tree(root: str, layers: Iterable[Layer]) -> Block:
    """The tree of modules.

    Args:
        root: label of the whole.
        layers: what was measured.
    """
    whole = Block(root)
    for layer in layers:
        place = whole
        for segment in segments(layer.name):
            place = place.parts.setdefault(segment, Block(segment))
        if place.kind or place.parts:
            # A module and a layer, or two layers, share a name: the layer goes one step deeper.
            place = place.parts.setdefault(layer.kind, Block(layer.kind))
        place.kind = layer.kind
        place.latency_ms += layer.latency_ms
    return whole


def segments(name: str) -> list[str]:
    """Modules on the way to a layer: ``/layer1/layer1.0/conv/Conv`` is layer1, 0, conv, Conv."""
    found: list[str] = []
    before = ""
    for part in filter(None, name.split("/")):
        own = part.removeprefix(f"{before}.") if before else part
        found += [segment for segment in own.split(".") if segment]
        before = part
    return found or [name]
