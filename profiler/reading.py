"""Models from outside: checked before any runtime sees them, their inputs made fixed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from luts.errors import UserError
from profiler._named import NamedModel, named_model
from profiler.runtimes._model import read_onnx

Shape = tuple[int, ...]
_INPUT = re.compile(r"(?P<name>.+):(?P<shape>\d+(x\d+)*)")
# What stands for a free axis in the example that a message gives.
_USUAL = {0: 1, 1: 3}


def parse_inputs(given: list[str]) -> dict[str, Shape]:
    """Shapes of ``--input`` options, such as ``image:1x3x224x224``, by name.

    Raises:
        UserError: one is written otherwise, has an axis of length 0, or a name comes twice.
    """
    found: dict[str, Shape] = {}
    for text in given:
        match = _INPUT.fullmatch(text)
        if match is None:
            raise UserError(f"--input '{text}' is not NAME:SHAPE, such as image:1x3x224x224")
        name, shape = match["name"], tuple(int(size) for size in match["shape"].split("x"))
        if 0 in shape:
            raise UserError(f"--input '{text}': every axis must be at least 1 long")
        if name in found:
            raise UserError(f"--input '{name}' is given twice")
        found[name] = shape
    return found


def checked_model(path: Path, shapes: Mapping[str, Shape], scratch: Path) -> NamedModel:
    """A model that can be executed: sound, with fixed inputs and named nodes.

    Args:
        path: the user's ONNX file; it is not changed.
        shapes: shapes by name of input, needed for those with free axes.
        scratch: folder for a changed copy, where one is needed.

    Raises:
        UserError: no such file, no ONNX model, weights that are missing, lie outside the model's
            folder or hold NaN, an input with free axes, or shapes that do not fit the inputs.
    """
    if not path.is_file():
        raise UserError(f"no model file '{path}'")
    model = read_onnx(path)
    apart = _check_weight_files(model, path)
    whole = read_onnx(path, weights=True) if apart else model
    _check_values(whole, path)
    if _fix_inputs(whole, shapes, path):
        import onnx

        path = scratch / "fixed.onnx"
        onnx.save(whole, path, save_as_external_data=apart, location="fixed.data")
    return named_model(path, scratch)


def _check_weight_files(model: Any, path: Path) -> bool:
    """Whether weights lie in files of their own, each of which must be within the folder."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    folder = path.resolve().parent
    apart = False
    for weight in _weights(model.graph):
        if not uses_external_data(weight):
            continue
        apart = True
        location = ExternalDataInfo(weight).location
        file = (folder / location).resolve()
        if not file.is_relative_to(folder):
            raise UserError(f"'{path}' keeps weight '{weight.name}' in '{location}', outside the "
                            "model's folder, which is not read; put the file beside the model")
        if not file.is_file():
            raise UserError(f"'{path}' keeps weight '{weight.name}' in '{location}', which is "
                            f"missing from '{folder}'")
    return apart


def _check_values(model: Any, path: Path) -> None:
    import numpy as np
    from onnx import TensorProto, numpy_helper

    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
    for weight in _weights(model.graph):
        if weight.data_type not in kinds:
            continue
        try:
            values = numpy_helper.to_array(weight)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"weight '{weight.name}' of '{path}' cannot be read ({error})") from None
        # A sum is NaN wherever one value is, and needs no second array of the weights' size.
        if np.isnan(values.sum(dtype=np.float64)) and np.isnan(values).any():
            raise UserError(f"weight '{weight.name}' of '{path}' holds NaN, so the model computes "
                            "nothing; export it again from a sound checkpoint")


def _weights(graph: Any) -> Iterator[Any]:
    """Weights of a graph and of its constants; not those inside branches."""
    yield from graph.initializer
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    yield attribute.t


def _fix_inputs(model: Any, shapes: Mapping[str, Shape], path: Path) -> bool:
    """Gives inputs the shapes asked for; whether anything changed."""
    weights = {item.name for item in model.graph.initializer}
    inputs = {item.name: item for item in model.graph.input if item.name not in weights}
    for name, shape in shapes.items():
        if name not in inputs:
            raise UserError(f"--input '{name}': '{path}' has no such input; it has: "
                            f"{', '.join(map(_described, inputs.values()))}")
        dims = inputs[name].type.tensor_type.shape.dim
        fits = len(dims) in (0, len(shape)) and all(
            d.dim_value in (0, size) for d, size in zip(dims, shape, strict=False))
        if not fits:
            raise UserError(f"--input {name}:{_text(shape)} does not fit "
                            f"{_described(inputs[name])} of '{path}'")
    free = [item for name, item in inputs.items() if name not in shapes and _is_free(item)]
    if free:
        wanted = " ".join(f"--input {item.name}:{_text(_example(item))}" for item in free)
        raise UserError(f"'{path}' has inputs with free axes: {', '.join(map(_described, free))}; "
                        f"give their shapes, such as {wanted}")
    changed = False
    for name, shape in shapes.items():
        if _is_free(inputs[name]):
            changed = True
            tensor = inputs[name].type.tensor_type.shape
            del tensor.dim[:]
            for size in shape:
                tensor.dim.add().dim_value = size
    if changed:  # what was noted of inner and last tensors may contradict it
        del model.graph.value_info[:]
        for item in model.graph.output:
            item.type.tensor_type.ClearField("shape")
    return changed


def _is_free(item: Any) -> bool:
    kind = item.type.tensor_type
    return not kind.HasField("shape") or any(dim.dim_value < 1 for dim in kind.shape.dim)


def _example(item: Any) -> Shape:
    dims = item.type.tensor_type.shape.dim
    if not dims:
        return (1, 3, 224, 224)
    usual = _USUAL if len(dims) == 4 else {0: 1}
    return tuple(dim.dim_value or usual.get(place, 224 if len(dims) == 4 else 128)
                 for place, dim in enumerate(dims))


def _described(item: Any) -> str:
    dims = item.type.tensor_type.shape.dim
    return f"{item.name}:{'x'.join(dim.dim_param or str(dim.dim_value or '?') for dim in dims)}"


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))
