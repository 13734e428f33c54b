"""What runtimes need to know of a model file before they load it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from luts.errors import UserError

Inputs = dict[str, npt.NDArray[Any]]


def read_onnx(model: Path, *, weights: bool = False) -> Any:
    """Reads an ONNX file.

    Args:
        model: ONNX file.
        weights: whether weights kept in files of their own are read too.

    Raises:
        UserError: there is no such file, or it holds no model.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        read = onnx.load(model, load_external_data=weights)
    except OSError as error:
        raise UserError(f"cannot read '{model}' ({error.strerror or error})") from None
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise UserError(f"'{model}' is no ONNX model ({error})") from None
    if not read.graph.node:
        raise UserError(f"'{model}' is no ONNX model (it has no node)")
    return read


def random_inputs(model: Any) -> Inputs:
    """Random values for every input of an ONNX model that is no weight.

    Args:
        model: the model's proto.

    Raises:
        UserError: an input has a free dimension, or a type that numpy lacks.
    """
    weights = {item.name for item in model.graph.initializer}
    return {item.name: _of_proto(item) for item in model.graph.input if item.name not in weights}


def random_input(name: str, shape: Sequence[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Random values in the range of pixels for images, and of [0, 1) for anything else.

    Args:
        name: input's name, for the message.
        shape: its dimensions; each must be a positive integer.
        dtype: numpy type.

    Raises:
        UserError: a dimension is free.
    """
    free = [size for size in shape if not isinstance(size, int) or size < 1]
    if free:
        raise UserError(
            f"input '{name}' has the free dimension {free[0]!r} in {list(shape)}; export the "
            "model with fixed shapes"
        )
    scale = 255.0 if len(shape) == 4 else 1.0
    values: npt.NDArray[Any] = scale * np.random.default_rng(0).random(shape)
    return values.astype(dtype)


def _of_proto(item: Any) -> npt.NDArray[Any]:
    from onnx import TensorProto, helper

    kind = item.type.tensor_type
    try:
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    except KeyError:
        raise UserError(
            f"input '{item.name}' has type {TensorProto.DataType.Name(kind.elem_type)}, which "
            "cannot be filled with random values"
        ) from None
    # A dimension that is not told is free, too.
    shape = [d.dim_param or d.dim_value or "?" for d in kind.shape.dim]
    return random_input(item.name, shape, dtype)
