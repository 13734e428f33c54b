"""Operators cut out of exported networks, to time each of them alone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from profiler.attribution import path_of


def with_shapes(path: Path) -> Any:
    """An exported network (an ``onnx.ModelProto``) whose every tensor has the shape it runs with.

    Shape inference leaves some free; so the network is executed once.
    """
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import helper

    model = onnx.load(path)
    given = {item.name for item in [*model.graph.input, *model.graph.output]}
    inside = [t for node in model.graph.node for t in node.output if t and t not in given]
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(onnx.ValueInfoProto(name=tensor) for tensor in inside)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(watched.SerializeToString(), options)
    feeds = {item.name: np.zeros(item.shape, np.float32) for item in session.get_inputs()}
    del model.graph.value_info[:]
    for tensor, value in zip(inside, session.run(inside, feeds), strict=True):
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        model.graph.value_info.append(helper.make_tensor_value_info(tensor, kind, value.shape))
    return model


def cut_out(model: Any, path: str, paths: Collection[str], out: Path) -> bool:
    """Writes the nodes of one operator as a model of its own.

    Args:
        model: exported network with the shapes of all tensors, from `with_shapes`.
        path: the operator's path; its nodes are named ``<path>/…``.
        paths: paths of all operators of the network.
        out: ONNX file.

    Returns:
        False where the operator has no node of its own, because export merged it into another.
    """
    import onnx
    from onnx import helper

    graph = model.graph
    nodes = [node for node in graph.node if path_of(node.name, paths) == path]
    # Constants are part of whoever reads them.
    wanted = {tensor for node in nodes for tensor in node.input}
    constants = [
        node for node in graph.node
        if node.op_type == "Constant" and node not in nodes and wanted & set(node.output)
    ]
    nodes = sorted([*constants, *nodes], key=list(graph.node).index)
    if not any(node.op_type != "Constant" for node in nodes):
        return False
    made = {tensor for node in nodes for tensor in node.output}
    weights = {item.name: item for item in graph.initializer}
    types = {item.name: item for item in [*graph.value_info, *graph.input, *graph.output]}
    read = {tensor for node in nodes for tensor in node.input if tensor}
    elsewhere = {tensor for node in graph.node if path_of(node.name, paths) != path
                 for tensor in node.input}
    leaving = made & (elsewhere | {item.name for item in graph.output})
    entering = sorted(read - made - set(weights))
    cut = helper.make_graph(
        nodes, path, [types[name] for name in entering],
        [types[name] for name in sorted(leaving)],
        [weights[name] for name in sorted(read & set(weights))],
    )
    found = helper.make_model(cut, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.save(found, out)
    return True
