"""Names for the nodes of any ONNX model, so that a runtime's node times can be told apart."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luts.errors import UserError

# Where torch's exporter notes the modules around a node; its node names are flat.
_SCOPES = "pkg.torch.onnx.name_scopes"


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model whose nodes have names of their own.

    Attributes:
        path: its file; the user's, unless nodes had to be named.
        shown: node name to the name that people see, with modules as path segments.
    """

    path: Path
    shown: dict[str, str]


def named_model(path: Path, scratch: Path) -> NamedModel:
    """Names the nodes of a model that have no name, or one that another node has too.

    Args:
        path: the user's ONNX file; it is not changed.
        scratch: folder for a copy with names, where one is needed.

    Raises:
        UserError: the file is not an ONNX model, or a file of its weights is missing.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]
    from onnx.external_data_helper import uses_external_data

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError) as error:
        raise UserError(f"'{path}' cannot be read as an ONNX model ({error})") from None
    if not model.graph.node:
        raise UserError(f"'{path}' is not an ONNX model, or one without any node")
    counts = Counter(node.name for node in model.graph.node)
    if any(not name or count > 1 for name, count in counts.items()):
        # Weights that lie in files of their own are too large for one file perhaps.
        apart = any(map(uses_external_data, model.graph.initializer))
        try:
            model = onnx.load(path)
        except (OSError, onnx.checker.ValidationError) as error:
            raise UserError(f"weights of '{path}' cannot be read ({error})") from None
        _name_nodes(model.graph.node, counts)
        path = scratch / "named.onnx"
        onnx.save(model, path, save_as_external_data=apart, location="named.data")
    return NamedModel(path, {node.name: _shown(node) for node in model.graph.node})


def _name_nodes(nodes: Any, counts: Counter[str]) -> None:
    taken = set(counts)
    for number, node in enumerate(nodes):
        if node.name and counts[node.name] == 1:
            continue
        stem = f"{node.name or node.op_type}_{number}"
        while stem in taken:
            stem += "_"
        taken.add(stem)
        node.name = stem


def _shown(node: Any) -> str:
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            try:
                scopes = ast.literal_eval(entry.value)
            except (ValueError, SyntaxError):
                break
            if isinstance(scopes, list) and len(scopes) > 1 and scopes[-2]:
                return f"{scopes[-2]}/{node.name}"
    return str(node.name)
