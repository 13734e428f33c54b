"""Layers of a TensorRT engine, read from what its inspector writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from profiler.runtimes.base import GraphNode

_ORIGIN = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
# Where metadata is missing, the name of a fused layer joins the names of its parts.
_JOINTS = re.compile(r" \+ |, |\|\||\.\.\.|[{}\[\]()]|^ForeignNode|^PWN|^fusion_")
_LEAVING = "Output Tensor"


def executed_layers(inspected: str, timed: Iterable[str] = ()) -> list[GraphNode]:
    """Layers in order of execution.

    Args:
        inspected: the inspector's JSON of an engine built with detailed verbosity.
        timed: names that the profiler reported; ones that the inspector leaves out are added.
    """
    layers: list[Any] = json.loads(inspected)["Layers"]
    graph: dict[str, GraphNode] = {}
    for layer in layers:
        # An engine of low verbosity lists mere names.
        facts = layer if isinstance(layer, dict) else {"Name": layer}
        node = _node(facts)
        graph.setdefault(node.name, node)
    for name in timed:
        graph.setdefault(name, _node({"Name": name}))
    return list(graph.values())


def _node(facts: dict[str, Any]) -> GraphNode:
    name = facts["Name"]
    origins = _ORIGIN.findall(facts.get("Metadata", ""))
    if not origins:
        origins = [part for part in map(str.strip, _JOINTS.split(name)) if "/" in part]
    return GraphNode(
        name, facts.get("LayerType", "unknown"),
        tuple(item["Name"] for item in facts.get("Inputs", ())),
        tuple(item["Name"] for item in facts.get("Outputs", ())),
        tuple(dict.fromkeys(origins)), with_producer=_LEAVING in name,
    )
