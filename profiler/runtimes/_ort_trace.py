"""Reads what ONNX Runtime reports: its trace of node times, and the graph that it executed."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from profiler.runtimes.base import GraphNode, NodeTimes

_SUFFIX = "_kernel_time"
# A convolution in blocked layout is named after its result, not after its node.
_LAYOUT_SUFFIX = "_nchwc"
_LEAVING = "ReorderOutput"
# Nodes in a row that one executed node may replace: Conv, BatchNormalization, Add, Relu.
_FUSED_AT_MOST = 4
# Durations are cut to whole microseconds, which loses half of one on average.
_CUT_US = 0.5


def mean_times(events: list[dict[str, Any]], runs: int) -> NodeTimes:
    """Node times in ms from the runtime's trace.

    A node's event is named ``<node name>_kernel_time``; each inference is closed by one
    ``model_run`` event.
    """
    whole_us: list[float] = []
    nodes_us: list[dict[str, float]] = []
    current: dict[str, float] = defaultdict(float)
    for event in events:
        name = event.get("name", "")
        if event.get("cat") == "Node" and name.endswith(_SUFFIX):
            current[name.removesuffix(_SUFFIX)] += event["dur"] + _CUT_US
        elif event.get("cat") == "Session" and name == "model_run":
            whole_us.append(event["dur"])
            nodes_us.append(current)
            current = defaultdict(float)
    # Each node by itself, and what lies between them: interference hits single nodes, a few in
    # every inference. The whole is the sum of these medians; the median of the wholes would hold
    # the interference that the nodes are rid of.
    chosen = nodes_us[-runs:]
    by_node = {name: float(np.median([run[name] for run in chosen])) / 1e3 for name in chosen[0]}
    between_us = [whole - sum(run.values())
                  for whole, run in zip(whole_us[-runs:], chosen, strict=True)]
    whole_ms = sum(by_node.values()) + max(0.0, float(np.median(between_us))) / 1e3
    return NodeTimes(by_node, whole_ms, len(chosen))


class Exported:
    """The exported graph, to find from which of its nodes an executed node stems."""

    def __init__(self, graph: Any) -> None:
        self._nodes = {node.name: node for node in graph.node}
        self._maker = {tensor: node.name for node in graph.node for tensor in node.output}

    def executed(self, node: Any) -> GraphNode:
        """Fusions keep the name of one of their nodes, or that of a tensor that they compute.

        A convolution that swallowed the activation behind it may bear the activation's name, so
        the nearest node of its own kind comes first.
        """
        tensors = (node.name.removesuffix(_LAYOUT_SUFFIX), *node.output)
        named = [node.name, *(self._maker[tensor] for tensor in tensors if tensor in self._maker)]
        kind = node.op_type.removeprefix("Fused")
        nearest = self._nearest(kind, [name for name in named if name in self._nodes])
        return GraphNode(node.name, node.op_type, tuple(node.input), tuple(node.output),
                         (*nearest, *named), with_producer=node.op_type == _LEAVING)

    def _nearest(self, kind: str, names: list[str]) -> list[str]:
        for _ in range(_FUSED_AT_MOST):
            found = [name for name in names if self._nodes[name].op_type == kind]
            if found or not names:
                return found[:1]
            names = [
                self._maker[tensor]
                for name in names for tensor in self._nodes[name].input if tensor in self._maker
            ]
        return []
