"""Writes small ONNX graphs step by step, with random weights that keep values alive."""

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


class Builder:
    """A graph under construction; methods add nodes and return their results.

    Args:
        rng: source of the weights.

    Attributes:
        flops: operations of all products so far, a multiply-add counted as 2.
        parameters: weight elements so far.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        from onnx import helper

        self.rng = rng
        self.flops = 0
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

    def conv(self, x: Tensor, out: int, kernel: int | tuple[int, int] = 3, stride: int = 1,
             groups: int = 1, dilation: int = 1, act: str | None = None, gain: float = 1.4,
             same: bool = True) -> Tensor:
        """Convolution with bias and activation; ``same`` pads by half the kernel."""
        n, c, h, w = x.shape
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        ph, pw = (dilation * (kh // 2), dilation * (kw // 2)) if same else (0, 0)
        ho = (h + 2 * ph - dilation * (kh - 1) - 1) // stride + 1
        wo = (w + 2 * pw - dilation * (kw - 1) - 1) // stride + 1
        fan = c // groups * kh * kw
        weight = self.weight(out, c // groups, kh, kw, scale=gain / fan**0.5)
        self.flops += 2 * n * ho * wo * out * fan
        y = self.op("Conv", x, weight, self.weight(out, scale=0.01), shape=(n, out, ho, wo),
                    kernel_shape=[kh, kw], strides=[stride] * 2, pads=[ph, pw, ph, pw],
                    group=groups, dilations=[dilation] * 2)
        return self.act(y, act)

    def grow(self, x: Tensor, out: int, factor: int = 2) -> Tensor:
        """Transposed convolution that enlarges by a factor."""
        n, c, h, w = x.shape
        weight = self.weight(c, out, factor, factor, scale=1 / c**0.5)
        self.flops += 2 * n * h * w * c * out * factor**2
        return self.op("ConvTranspose", x, weight, self.weight(out, scale=0.01),
                       shape=(n, out, factor * h, factor * w), kernel_shape=[factor] * 2,
                       strides=[factor] * 2)

    def linear(self, x: Tensor, out: int, gemm: bool = False) -> Tensor:
        """``x W + b`` over the last axis; ``gemm`` writes it as exporters do for two axes."""
        *head, c = x.shape
        self.flops += 2 * prod(x.shape) * out
        bias, scale = self.weight(out, scale=0.01), 1 / c**0.5
        if gemm:
            weight = self.weight(out, c, scale=scale)
            return self.op("Gemm", x, weight, bias, shape=(*head, out), transB=1)
        y = self.op("MatMul", x, self.weight(c, out, scale=scale), shape=(*head, out))
        return self.op("Add", y, bias, shape=y.shape)

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        """Product of two activations."""
        self.flops += 2 * prod(a.shape) * b.shape[-1]
        return self.op("MatMul", a, b, shape=(*a.shape[:-1], b.shape[-1]))

    def act(self, x: Tensor, name: str | None) -> Tensor:
        """An activation by its usual name, written as exporters write it."""
        if name is None:
            return x
        if name == "silu":
            return self.op("Mul", x, self.op("Sigmoid", x, shape=x.shape), shape=x.shape)
        if name == "relu6":
            return self.op("Clip", x, self.weight(mean=0.0, scale=0.0),
                           self.weight(mean=6.0, scale=0.0), shape=x.shape)
        if name == "gelu":
            inner = self.op("Erf", self.op("Div", x, self.weight(mean=2**0.5, scale=0.0),
                                           shape=x.shape), shape=x.shape)
            outer = self.op("Add", inner, self.weight(mean=1.0, scale=0.0), shape=x.shape)
            return self.op("Mul", self.op("Mul", x, outer, shape=x.shape),
                           self.weight(mean=0.5, scale=0.0), shape=x.shape)
        if name == "leaky":
            return self.op("LeakyRelu", x, shape=x.shape, alpha=0.1)
        return self.op({"relu": "Relu", "hswish": "HardSwish", "hsigmoid": "HardSigmoid",
                        "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu"}[name], x,
                       shape=x.shape)

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        """Another shape for the same values."""
        return self.op("Reshape", x, self.integers(*shape), shape=shape)

    def transpose(self, x: Tensor, *order: int) -> Tensor:
        """Axes in another order."""
        return self.op("Transpose", x, shape=tuple(x.shape[i] for i in order), perm=list(order))

    def concat(self, *parts: Tensor, axis: int = 1) -> Tensor:
        """Parts one after the other along an axis."""
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return self.op("Concat", *parts, shape=tuple(shape), axis=axis)

    def add(self, x: Tensor, y: Tensor, kind: str = "Add") -> Tensor:
        """Sum (or another elementwise operation), the second broadcast to the first."""
        return self.op(kind, x, y, shape=x.shape)

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
