"""An ONNX model as a list of torch steps, with everything that its fixed shapes settle folded."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from luts.errors import UserError
from profiler.runtimes._model import Inputs
from profiler.runtimes._torch_layout import Scalar
from profiler.runtimes._torch_ops import LISTS, OPERATORS
from profiler.runtimes._torch_step import Step, execute, execute_once

# What autocast computes in the lower precision; their weights are cast once, not in every run.
_MATRIX = ("Conv", "Gemm", "MatMul")


class Program:
    """Steps of a model, and the tensors that they start from.

    Args:
        model: the ONNX proto with its weights.
        feeds: input name to value.
        device: torch device.
        matrix_dtype: type that weights of convolutions and products are cast to, if any.

    Raises:
        UserError: an operator or attribute is not supported, or a size depends on data.
    """

    def __init__(
        self, model: Any, feeds: Inputs, device: Any, matrix_dtype: torch.dtype | None = None
    ) -> None:
        refuse_unknown(model)
        self.inputs = {name: torch.from_numpy(value).to(device) for name, value in feeds.items()}
        self.results = [item.name for item in model.graph.output]
        self.steps: list[Step] = []
        self._device = device
        self._matrix_dtype = matrix_dtype
        self._constants: dict[str, Tensor] = {}
        self._cast: dict[str, Tensor] = {}
        self._build(model.graph)
        self._free_early()

    def run(self) -> list[Tensor]:
        """Executes all steps; returns the results in the model's order."""
        values = dict(self.inputs)
        for step in self.steps:
            execute(step, values)
        return [values[name] if name in values else self._constants[name] for name in self.results]

    def _build(self, graph: Any) -> None:
        from onnx import numpy_helper

        for item in graph.initializer:
            self._constants[item.name] = _tensor(numpy_helper.to_array(item))
        values = dict(self.inputs)
        for place, node in enumerate(graph.node):
            if node.op_type == "Constant":
                self._constants[node.output[0]] = _constant(node)
                continue
            step = self._step(node, node.name or f"{node.op_type}_{place}")
            # Executed once while building: it tells all shapes, and which nodes they settle.
            if node.op_type == "Shape":
                made: Any = torch.tensor(self._known(values, node.input[0]).shape)
            else:
                made = execute_once(step, values)
            outputs = made if isinstance(made, tuple) else (made,)
            settled = node.op_type == "Shape" or not step.inputs
            target = self._constants if settled else values
            target.update(zip(step.outputs, outputs, strict=True))
            if not settled:
                self.steps.append(step)

    def _known(self, values: dict[str, Tensor], name: str) -> Tensor:
        return values[name] if name in values else self._constants[name]

    def _step(self, node: Any, name: str) -> Step:
        attributes = {item.name: _attribute(item) for item in node.attribute}
        call = OPERATORS[node.op_type]
        odd = sorted({*attributes} - _keywords(call))
        if odd:
            raise UserError(
                f"node '{name}': {node.op_type} with {', '.join(odd)} is not supported")
        reads = [item for item in node.input if item and item not in self._constants]
        # Sizes are worked out where they lie; only what meets data goes to the device.
        arguments = [self._argument(node, name, place, to_device=bool(reads))
                     for place in range(len(node.input))]
        return Step(name, node.op_type, partial(call, **attributes), arguments, tuple(reads),
                    tuple(item for item in node.output if item))

    def _argument(self, node: Any, name: str, place: int, *, to_device: bool) -> Any:
        tensor = node.input[place]
        is_list = place in LISTS.get(node.op_type, ())
        if not tensor:
            return None
        if tensor not in self._constants:
            if is_list:
                raise UserError(f"node '{name}': '{tensor}' depends on data")
            return tensor
        value = self._constants[tensor]
        if is_list:
            read = value.tolist()
            return read if isinstance(read, list) else Scalar([read])
        if not to_device:
            return value
        if self._matrix_dtype and node.op_type in _MATRIX and value.dtype == torch.float32:
            value = value.to(self._matrix_dtype)
        # One copy of a weight, however often a loop uses it.
        key = f"{tensor}:{value.dtype}"
        return self._cast.setdefault(key, value.to(self._device))

    def _free_early(self) -> None:
        last: dict[str, Step] = {}
        for step in self.steps:
            for name in (*step.outputs, *step.inputs):
                last[name] = step
        for name, step in last.items():
            if name not in self.results:
                step.frees.append(name)


def refuse_unknown(model: Any) -> None:
    """Refuses operators that are not known here, all at once.

    Raises:
        UserError: some are not.
    """
    kinds = {f"{node.domain}.{node.op_type}".removeprefix(".") for node in model.graph.node}
    unknown = sorted(kinds - {*OPERATORS, "Constant"})
    if unknown:
        raise UserError(f"unsupported operators: {', '.join(unknown)}")


def _keywords(call: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(call).parameters)
    except ValueError:  # torch's own functions have none to tell, and need none
        return set()


def _attribute(item: Any) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    value = helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode()
    return _tensor(numpy_helper.to_array(value)) if isinstance(value, TensorProto) else value


def _constant(node: Any) -> Tensor:
    value = _attribute(node.attribute[0])
    return value if isinstance(value, Tensor) else torch.tensor(value)


def _tensor(array: Any) -> Tensor:
    # A copy: torch refuses to share memory that is read-only.
    return torch.from_numpy(array.copy())
