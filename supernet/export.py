"""ONNX export with node names that say which operator a node belongs to."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from luts.files import atomic_path
from luts.operator import PlacedOperator
from supernet.raft.correlation import CorrelationLookup

OPSET = 17
_CALL = re.compile(r"_\d+$")
INPUTS = ("frame1", "frame2")
OUTPUT = "flow"
INPUT_IMAGE, OUTPUT_LOGITS = "image", "logits"


def export_network(
    network: nn.Module, path: Path, height: int, width: int, placed: Iterable[PlacedOperator],
    *, opset: int = OPSET, dynamic: bool = False,
) -> None:
    """Writes a flow network as ONNX.

    Args:
        network: takes two frames (1, 3, H, W) in 0..255, gives flow (1, 2, H, W).
        path: target file.
        height: H, divisible by 8.
        width: W, divisible by 8.
        placed: the network's operators; every node is named ``<path of its operator>/…``.
        opset: of the graph.
        dynamic: whether height and width stay free (multiples of 8); else they are fixed.
    """
    frames = torch.zeros(1, 3, height, width)
    export_module(network, dict.fromkeys(INPUTS, frames), OUTPUT, path, placed, opset=opset,
                  free={2: "height", 3: "width"} if dynamic else None)


def export_module(
    network: nn.Module, inputs: Mapping[str, torch.Tensor], output: str, path: Path,
    placed: Iterable[PlacedOperator], *, opset: int = OPSET,
    free: Mapping[int, str] | None = None,
) -> None:
    """Writes any network as ONNX.

    Args:
        network: takes the inputs in their order.
        inputs: examples by name.
        output: name of its result.
        path: target file.
        placed: the network's operators; every node is named ``<path of its operator>/…``.
        opset: of the graph.
        free: names of the axes that are not fixed, the same ones in all inputs and the output.
    """
    import onnx

    network.eval()
    axes = {name: dict(free) for name in (*inputs, output)} if free else None
    lookups = [part for part in network.modules() if isinstance(part, CorrelationLookup)]
    with atomic_path(path) as temporary:
        with torch.no_grad(), warnings.catch_warnings(), free_sizes(lookups, free=bool(free)):
            # Shapes are fixed on purpose: the tracer's warnings about constants do not apply.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network, tuple(inputs.values()), str(temporary), dynamo=False,
                opset_version=opset, input_names=list(inputs), output_names=[output],
                do_constant_folding=True, dynamic_axes=axes,
            )
        model = onnx.load(str(temporary))
        name_nodes(model, {item.path for item in placed})
        onnx.checker.check_model(model)
        onnx.save(model, str(temporary))


def export_classifier(
    network: nn.Module, images: torch.Tensor, path: Path, placed: Iterable[PlacedOperator],
    *, opset: int = OPSET,
) -> None:
    """Writes a network from images (B, 3, H, W) in 0..255 to logits; see `export_module`."""
    export_module(network, {INPUT_IMAGE: images}, OUTPUT_LOGITS, path, placed, opset=opset)


@contextmanager
def free_sizes(lookups: Iterable[CorrelationLookup], *, free: bool) -> Iterator[None]:
    """Lets look-ups compute with sizes that are only known when the graph runs, if so wanted."""
    held = list(lookups)
    for lookup in held:
        lookup.free_sizes = free
    try:
        yield
    finally:
        for lookup in held:
            lookup.free_sizes = False


def name_nodes(model: Any, paths: set[str]) -> None:
    """Renames nodes and their results to ``<operator path>/<op>_<index>``.

    A node belongs to the operator placed at its module; a node of any other module (a norm that
    a runtime folds, say) belongs to the operator that feeds it; what reads only the network's
    inputs belongs to ``input``.
    """
    graph = model.graph
    owner: dict[str, str] = {}
    renamed: dict[str, str] = {}
    final = {value.name for value in graph.output}
    for index, node in enumerate(graph.node):
        module = _module_path(node.name)
        if module not in paths:
            fed_by = (owner[name] for name in node.input if name in owner)
            module = next(fed_by, "input")
        constant = node.op_type == "Constant"
        if constant:
            module = _module_path(node.name)
        node.name = f"{module}/{node.op_type}_{index}"
        for position, name in enumerate(node.output):
            if not constant:
                owner[name] = module
            if name not in final:
                renamed[name] = f"{node.name}_out{position}"
                node.output[position] = renamed[name]
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)
    del graph.value_info[:]


def _module_path(name: str) -> str:
    """``/fnet/cells.0/cells.0.1/project/Conv`` to ``fnet.cells.0.1.project``.

    The tracer marks later calls of a module by ``_1``, ``_2``, …: loops share one path.
    """
    parts: list[str] = []
    for part in (_CALL.sub("", part) for part in name.split("/")[1:-1]):
        if parts and part.startswith(parts[-1] + "."):
            parts[-1] = part
        else:
            parts.append(part)
    return ".".join(parts)
