"""An ONNX graph that grows node by node, with random weights that cost little to draw."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Shape = tuple[int, ...]
_OPSET, _IR = 18, 9
# Enough different numbers; drawing tens of millions of them would only cost time.
_POOL = 1 << 16


class Tensor(NamedTuple):
    """A value inside the graph."""

    name: str
    shape: Shape


class Graph:
    """Nodes and weights of a model under construction.

    Args:
        rng: source of the weights.

    Attributes:
        rng: the same.
        parameters: weight elements so far.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        from onnx import helper

        self.rng = rng
        self.parameters = 0
        self._helper = helper
        self._pool: npt.NDArray[np.float32] = rng.standard_normal(_POOL).astype(np.float32)
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._weights: dict[str, tuple[Shape, float, float] | npt.NDArray[Any]] = {}

    def input(self, *shape: int) -> Tensor:
        """An input of the model."""
        name = f"x{len(self._inputs)}"
        self._inputs.append(self._helper.make_tensor_value_info(name, 1, shape))
        return Tensor(name, shape)

    def op(self, kind: str, *inputs: Tensor | str, shape: Shape, outputs: int = 1,
           **attributes: Any) -> Tensor:
        """One node.

        Args:
            kind: ONNX operator type.
            *inputs: tensors, or names of weights.
            shape: shape of its (first) result.
            outputs: number of results; the others are ``part``s of the first.
            **attributes: ONNX attributes.
        """
        name = f"{kind}_{len(self._nodes)}"
        names = [item.name if isinstance(item, Tensor) else item for item in inputs]
        results = [f"{name}:{i}" for i in range(outputs)]
        self._nodes.append(self._helper.make_node(kind, names, results, name=name, **attributes))
        return Tensor(results[0], shape)

    @staticmethod
    def part(first: Tensor, number: int) -> Tensor:
        """Another result of the node that made ``first``."""
        return Tensor(f"{first.name.rpartition(':')[0]}:{number}", first.shape)

    def weight(self, *shape: int, scale: float = 1.0, mean: float = 0.0) -> str:
        """A weight with normal values."""
        name = f"w{len(self._weights)}"
        self._weights[name] = shape, scale, mean
        self.parameters += prod(shape)
        return name

    def integers(self, *values: int) -> str:
        """A constant list of integers."""
        name = f"w{len(self._weights)}"
        self._weights[name] = np.array(values, dtype=np.int64)
        return name

    def integer(self, value: int) -> str:
        """A constant integer without axes."""
        name = f"w{len(self._weights)}"
        self._weights[name] = np.array(value, dtype=np.int64)
        return name

    def scales(self, *values: float) -> str:
        """A constant list of numbers."""
        name = f"w{len(self._weights)}"
        self._weights[name] = np.array(values, dtype=np.float32)
        return name

    def save(self, path: Path, *results: Tensor) -> None:
        """Writes the model."""
        import onnx
        from onnx import numpy_helper

        weights = [numpy_helper.from_array(self._values(value), name)
                   for name, value in self._weights.items()]
        out = [self._helper.make_tensor_value_info(t.name, 1, list(t.shape)) for t in results]
        graph = self._helper.make_graph(self._nodes, "network", self._inputs, out, weights)
        model = self._helper.make_model(
            graph, opset_imports=[self._helper.make_opsetid("", _OPSET)], ir_version=_IR)
        onnx.save(model, path)

    def _values(self, value: tuple[Shape, float, float] | npt.NDArray[Any]
                ) -> npt.NDArray[Any]:
        if isinstance(value, np.ndarray):
            return value
        shape, scale, mean = value
        start = int(self.rng.integers(_POOL))
        found = np.resize(np.roll(self._pool, start), shape) * np.float32(scale)
        return (found + np.float32(mean)).astype(np.float32)
