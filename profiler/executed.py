"""The graph that ONNX Runtime executes, with every tensor's shape, read without timing it."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luts.errors import UserError
from profiler.runtimes import Session

_SUFFIX = "_kernel_time"
_NCHWC = "com.microsoft.nchwc"

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExecutedNode:
    """One step that the runtime executes, after its fusions.

    Attributes:
        name: name under which its time is reported; seldom, nodes share one.
        kind: operator type, such as ``Conv`` or ``FusedMatMul``.
        blocked: whether it works in the runtime's blocked layout of channels (NCHWc); its channel
            counts are then padded to whole blocks, as they are computed.
        inputs: shape of each input, in order; None where it is absent or its shape is unknown.
        constant: whether each input is a weight.
        outputs: shape of each result.
        attributes: ONNX attributes, without subgraphs.
    """

    name: str
    kind: str
    blocked: bool
    inputs: tuple[Shape | None, ...]
    constant: tuple[bool, ...]
    outputs: tuple[Shape, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    def shape(self, place: int) -> Shape:
        """Shape of an input, ``()`` where it is absent."""
        return (self.inputs[place] if place < len(self.inputs) else None) or ()


def executed_graph(
    model: Path, *, threads: int = 1, fused: bool = True
) -> list[ExecutedNode]:
    """Optimises a model as for a measurement, and runs it once on random inputs for the shapes.

    Inference of shapes on paper stops at fused operators; one execution knows them all.

    Args:
        model: ONNX file with fixed input shapes.
        threads: threads within one operator, on which optimisation may depend.
        fused: whether as for a measurement; without, as the file has it, but constants folded.

    Returns:
        Nodes in order of execution. What runs inside a loop or branch is part of that node.

    Raises:
        InferenceError: the runtime cannot load or execute the model.
        UserError: an input has a free dimension.
    """
    from profiler.runtimes.onnxruntime import OnnxRuntime

    with closing(OnnxRuntime(fused=fused).open(model, threads=threads, profile=True)) as session:
        session.node_times(1)
        return executed_nodes(session)


def executed_nodes(session: Session) -> list[ExecutedNode]:
    """The graph of an open session of ONNX Runtime whose node times were asked for.

    Returns:
        Nodes in order of execution, named as in its node times.

    Raises:
        UserError: it is a session of another runtime.
    """
    from profiler.runtimes._ort_session import OnnxSession

    if not isinstance(session, OnnxSession):
        raise UserError("executed graphs are read from onnxruntime only")
    events, graph = session.trace()
    return _nodes(graph, events)


def _nodes(graph: Any, events: list[dict[str, Any]]) -> list[ExecutedNode]:
    from onnx import AttributeProto, helper

    waiting: dict[tuple[str, str], deque[list[Shape]]] = defaultdict(deque)
    for event in events:
        if event.get("name") == "model_run":  # the first inference says it all
            break
        if event.get("cat") == "Node" and event.get("name", "").endswith(_SUFFIX):
            args = event["args"]
            key = event["name"].removesuffix(_SUFFIX), args["op_name"]
            waiting[key].append([_shape(item) for item in args.get("output_type_shape", [])])
    shapes: dict[str, Shape] = {item.name: tuple(item.dims) for item in graph.initializer}
    weights = set(shapes)
    for item in graph.input:
        shapes.setdefault(item.name,
                          tuple(d.dim_value for d in item.type.tensor_type.shape.dim))
    made: list[tuple[str, tuple[Shape, ...]]] = []
    for node in graph.node:
        name, results = _take(waiting, node)
        made.append((name, tuple(results)))
        # Absent results have neither a name nor a shape.
        shapes.update(zip(filter(None, node.output), results, strict=False))
    return [
        ExecutedNode(
            name, node.op_type, node.domain == _NCHWC,
            tuple(shapes.get(tensor) for tensor in node.input),
            tuple(tensor in weights for tensor in node.input), results,
            {a.name: helper.get_attribute_value(a) for a in node.attribute
             if a.type not in (AttributeProto.GRAPH, AttributeProto.GRAPHS)},
        )
        for node, (name, results) in zip(graph.node, made, strict=True)
    ]


def _take(waiting: dict[tuple[str, str], deque[list[Shape]]], node: Any) -> tuple[str, list[Shape]]:
    """Name under which a node is reported, and the shapes of its results."""
    name = node.name
    if not name:
        # Parts of a function that the runtime unfolded: it reports them by type and number.
        made_up = re.compile(rf"{node.op_type}_\d+")
        name = next((key[0] for key, runs in waiting.items()
                     if key[1] == node.op_type and runs and made_up.fullmatch(key[0])), "")
    runs = waiting.get((name, node.op_type))
    return name, runs.popleft() if runs else []


def _shape(item: dict[str, list[int]]) -> Shape:
    return tuple(next(iter(item.values()), []))
