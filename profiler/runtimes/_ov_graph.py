"""The graph that OpenVINO executes, and from which exported nodes its nodes stem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from profiler.runtimes.base import GraphNode

# A convolution and the addition of its bias are two nodes to OpenVINO.
_SPLIT_OFF = ("/WithoutBiases", "/WithoutBiases/transpose_b")
# Executed kinds to the exported kinds that they compute, where OpenVINO drops the name.
_EXPORTED_KINDS = {
    "Convolution": ("Conv",),
    "FullyConnected": ("Gemm", "MatMul"),
    "MatMul": ("Gemm", "MatMul"),
    "MVN": ("InstanceNormalization", "LayerNormalization"),
    "Deconvolution": ("ConvTranspose",),
}
# Conv, BatchNormalization, Add, Relu may stand in a row for one executed node.
_FUSED_AT_MOST = 4
_NO_WORK = ("Const", "Output")


def executed_graph(runtime_model: Any, exported: Any) -> list[GraphNode]:
    """Executed nodes in order, without constants.

    Args:
        runtime_model: what `CompiledModel.get_runtime_model` returns.
        exported: the exported ONNX graph.
    """
    origins = _Origins(exported)
    layouts: dict[str, str] = {}
    graph = []
    for op in runtime_model.get_ordered_ops():
        facts = {key: str(value.value) for key, value in op.get_rt_info().items()}
        kind = facts["layerType"]
        name = op.get_friendly_name()
        layouts[name] = facts["outputLayouts"]
        if kind in _NO_WORK:
            continue
        sources = [item.get_source_output() for item in op.inputs()]
        producers = [source.get_node().get_friendly_name() for source in sources]
        inputs = tuple(_tensor(source) for source in sources)
        # The way back to the plain layout serves the node that left it.
        leaving = kind == "Reorder" and _is_plain(layouts[name]) and not _is_plain(
            layouts[producers[0]])
        fused = facts["originalLayersNames"].split(",")
        graph.append(GraphNode(
            name, kind, inputs, tuple(_tensor(output) for output in op.outputs()),
            origins.of(name, kind, fused, producers), with_producer=leaving,
        ))
    return graph


def _tensor(output: Any) -> str:
    return f"{output.get_node().get_friendly_name()}:{output.get_index()}"


def _is_plain(layout: str) -> bool:
    """Whether dimensions lie in order: ``abcd`` does, ``acdb`` and ``aBcd16b`` do not."""
    return layout == "".join(sorted(layout))


class _Origins:
    """Finds exported nodes by name, and by place where a transformation dropped the name."""

    def __init__(self, exported: Any) -> None:
        self._kinds = {node.name: node.op_type for node in exported.node}
        self._order = {node.name: place for place, node in enumerate(exported.node)}
        maker = {tensor: node.name for node in exported.node for tensor in node.output}
        # The last node takes over the name of the model's result.
        self._maker = maker
        self._before = {node.name: [maker[tensor] for tensor in node.input if tensor in maker]
                        for node in exported.node}
        self._after: dict[str, list[str]] = {name: [] for name in self._kinds}
        for name, before in self._before.items():
            for other in before:
                self._after[other].append(name)
        self._taken: set[str] = set()
        self._ends: dict[str, str] = {}

    def of(self, name: str, kind: str, fused: Iterable[str], producers: Sequence[str]
           ) -> tuple[str, ...]:
        """Exported nodes of one executed node; its producers must have been asked for before."""
        known = [found for item in fused if (found := self._exported(item)) is not None]
        found = self._of_kind(kind, known, producers) if kind in _EXPORTED_KINDS else None
        origins = [item for item in (found, *known) if item is not None]
        if origins:
            self._taken.update(origins)
            self._ends[name] = max(origins, key=self._order.__getitem__)
        else:
            # A reorder ends where its producer ended.
            ends = [self._ends[item] for item in producers if item in self._ends]
            if ends:
                self._ends[name] = ends[0]
        return tuple(dict.fromkeys(origins))

    def _exported(self, name: str) -> str | None:
        for suffix in reversed(_SPLIT_OFF):
            name = name.removesuffix(suffix)
        return name if name in self._kinds else self._maker.get(name)

    def _of_kind(self, kind: str, known: Sequence[str], producers: Sequence[str]) -> str | None:
        kinds = _EXPORTED_KINDS[kind]
        # Backwards from what was fused behind it; else forwards from what feeds it.
        return self._nearest(kinds, known, self._before) or self._nearest(
            kinds, [after for item in producers if item in self._ends
                    for after in self._after[self._ends[item]]], self._after)

    def _nearest(
        self, kinds: tuple[str, ...], names: Sequence[str], neighbours: dict[str, list[str]]
    ) -> str | None:
        for _ in range(_FUSED_AT_MOST):
            for name in names:
                if self._kinds[name] in kinds and name not in self._taken:
                    return name
            names = [other for name in names for other in neighbours[name]]
        return None
