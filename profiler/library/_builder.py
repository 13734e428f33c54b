"""Writes layers into small ONNX graphs, with random weights that keep values alive."""

from __future__ import annotations

from math import prod

import numpy as np

from profiler.library._graph import Graph, Tensor


class Builder(Graph):
    """A graph whose layers are written as exporters write them; each method returns its result.

    Args:
        rng: source of the weights.

    Attributes:
        flops: operations of all products so far, a multiply-add counted as 2.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.flops = 0

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
