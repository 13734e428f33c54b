"""Judges one upload within narrow limits: ``python -m evolution.service.uploads.inspection``.

The process limits itself before it reads a byte of the upload, then prints one line of JSON:
``{"info": ...}``, or ``{"error": ...}``. Whatever goes wrong in a parser ends with this process.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from luts.errors import UserError

MEMORY_BYTES = 4 << 30
CPU_S = 60
_FILES = 128


def limit_self() -> None:
    """No more memory, time or files than a sound upload needs; nothing is written."""
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def inspect_model(folder: Path) -> dict[str, Any]:
    """Facts of ``model.onnx``.

    Raises:
        UserError: it is no sound ONNX model, or one that keeps weights in other files.
    """
    import onnx

    from profiler.runtimes._model import read_onnx

    path = folder / "model.onnx"
    model = read_onnx(path)
    for tensor in _tensors(model.graph):
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise UserError(f"weight '{tensor.name[:80]}' lies in another file; save the model "
                            "with its weights inside")
    if model.functions:
        raise UserError("the model has functions of its own; inline them")
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise UserError(f"the model is not valid: {str(error)[:300]}") from None
    weights = {item.name for item in model.graph.initializer}
    return {
        "inputs": [_described(item) for item in model.graph.input if item.name not in weights],
        "nodes": len(model.graph.node),
        "opset": max((item.version for item in model.opset_import), default=0),
        "size_bytes": path.stat().st_size,
    }


def inspect_table(folder: Path) -> dict[str, Any]:
    """Provenance of a latency table, whose digests, rows and names are all checked.

    Raises:
        UserError: it is damaged, of an unknown target, unfinished, or badly named.
    """
    from luts.files import safe_name
    from luts.table import LatencyTable
    from luts.target import load_target

    table = LatencyTable.load(folder)
    info = table.info
    load_target(info.target)
    for what in ("recipe", "runtime", "precision"):
        safe_name(getattr(info, what), what)
    if not info.complete:
        raise UserError("the table is of an unfinished campaign; finish it first")
    return {**info.model_dump(mode="json"), "identity": table.identity}


def _tensors(graph: Any) -> Iterator[Any]:
    """All tensors of a graph, those of nodes and of inner graphs too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _described(item: Any) -> dict[str, Any]:
    dims = item.type.tensor_type.shape.dim
    return {"name": item.name[:200], "shape": [dim.dim_value or dim.dim_param[:80] for dim in dims]}


INSPECTIONS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "model": inspect_model, "table": inspect_table}


def main(arguments: list[str]) -> int:
    """Judges a folder: kind and path."""
    limit_self()
    kind, folder = arguments
    try:
        said: dict[str, Any] = {"info": INSPECTIONS[kind](Path(folder))}
    except UserError as error:
        # The place is of no use to the sender.
        said = {"error": " ".join(str(error).replace(f"{folder}/", "").split())[:500]}
    except MemoryError:
        said = {"error": "it needs more memory than an upload may"}
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
