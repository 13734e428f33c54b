"""Whose time a node's time is: from the runtime's nodes to placed operators."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from luts.operator import PlacedOperator
from profiler.runtimes.base import GraphNode, NodeTimes


@dataclass(frozen=True, slots=True)
class Attribution:
    """Time of one inference, shared among its operators.

    Attributes:
        by_path_ms: path of a placed operator to the time of ONE execution of it.
        unattributed_ms: time of nodes that belong to no operator, and between nodes.
    """

    by_path_ms: dict[str, float]
    unattributed_ms: float


def owners(graph: Sequence[GraphNode], paths: Collection[str]) -> dict[str, str | None]:
    """Path of the operator to which each executed node belongs.

    A node belongs to the path that begins the name of an exported node that it stems from; a node
    that the runtime added belongs to its neighbour.

    Args:
        graph: nodes as executed.
        paths: paths of the placed operators.

    Returns:
        Node name to path; None where no rule finds one.
    """
    found = {
        node.name: next(filter(None, (path_of(name, paths) for name in node.origins)), None)
        for node in graph
    }
    ask_neighbours(graph, found)
    return found


def ask_neighbours(graph: Sequence[GraphNode], found: dict[str, str | None]) -> None:
    """Gives nodes that nobody owns yet to the neighbour that they serve.

    Args:
        graph: nodes as executed.
        found: node name to owner; None is replaced where a neighbour has an owner.
    """
    maker = {tensor: node.name for node in graph for tensor in node.outputs}
    users: dict[str, list[str]] = {}
    for node in graph:
        for tensor in node.inputs:
            users.setdefault(tensor, []).append(node.name)
    # Chains of added nodes settle from their ends, one link per round.
    for _ in graph:
        settled = 0
        for node in graph:
            if found[node.name] is not None:
                continue
            before = [maker[tensor] for tensor in node.inputs if tensor in maker]
            after = [name for tensor in node.outputs for name in users.get(tensor, [])]
            order = before + after if node.with_producer else after + before
            owner = next(filter(None, (found[name] for name in order)), None)
            if owner is not None:
                found[node.name] = owner
                settled += 1
        if not settled:
            return


def path_of(name: str, paths: Collection[str]) -> str | None:
    """Path of the operator whose node an exported node of that name is; None: of no operator."""
    head = name.split("/", 1)[0]
    while head:
        if head in paths:
            return head
        head = head.rpartition(".")[0]
    return None


def attribute(
    times: NodeTimes,
    owner: Mapping[str, str | None],
    placed: Sequence[PlacedOperator],
    whole_ms: float,
) -> Attribution:
    """Shares the end-to-end time of one inference among its operators.

    Node times come from inferences that the profiler itself slows, so they are scaled by
    ``whole_ms / times.whole_ms``; what is left between the nodes stays unattributed.

    An operator that the runtime merged into another one (an addition into a convolution) has no
    node of its own: the operator executed right before it hands over a part of its time, in
    proportion to the bytes that both move.

    Args:
        times: node times of one inference.
        owner: node name to path.
        placed: the network's operators, in order of execution.
        whole_ms: end-to-end time of an undisturbed inference that is not profiled.

    Raises:
        ValueError: two operators are placed at one path, so that their times cannot be told apart.
    """
    scale = whole_ms / times.whole_ms
    by_path = {item.path: 0.0 for item in placed}
    if len(by_path) < len(placed):
        raise ValueError("two operators are placed at one path; a loop belongs into repeats")
    for name, latency_ms in times.by_node_ms.items():
        path = owner.get(name)
        if path is not None:
            by_path[path] += scale * latency_ms
    attributed = sum(by_path.values())
    _share_merged(by_path, placed)
    repeats = {item.path: item.repeats for item in placed}
    return Attribution(
        {path: total / repeats[path] for path, total in by_path.items()}, whole_ms - attributed
    )


def _share_merged(by_path: dict[str, float], placed: Sequence[PlacedOperator]) -> None:
    group: list[PlacedOperator] = []
    for item in [*placed, None]:
        if item is not None and group and by_path[item.path] == 0:
            group.append(item)
            continue
        if len(group) > 1:
            total = by_path[group[0].path]
            weights = [member.operator.bytes_moved * member.repeats for member in group]
            for member, weight in zip(group, weights, strict=True):
                by_path[member.path] = total * weight / sum(weights)
        group = [] if item is None else [item]
