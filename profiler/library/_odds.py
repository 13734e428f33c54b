"""Operators that are seldom, but that some model will have: each once in a while."""

from __future__ import annotations

from collections.abc import Callable

from profiler.library._builder import Builder
from profiler.library._graph import Tensor
from profiler.library._parts import Draw


def odd(b: Builder, d: Draw, x: Tensor) -> Tensor:
    """An image of the same shape, by way of a rare operator or two.

    Args:
        b: the graph.
        d: source of choices.
        x: image ``(N, C, H, W)`` with an even number of pixels each way.
    """
    return d.one(*_ODDS)(b, x)


def _chain(*kinds: str) -> Callable[[Builder, Tensor], Tensor]:
    def apply(b: Builder, x: Tensor) -> Tensor:
        y = x
        for kind in kinds:
            y = b.op(kind, y, shape=y.shape)
        return y

    return apply


def _mish(b: Builder, x: Tensor) -> Tensor:
    return b.add(x, _chain("Softplus", "Tanh")(b, x), "Mul")


def _constant(kind: str, value: float) -> Callable[[Builder, Tensor], Tensor]:
    return lambda b, x: b.op(kind, x, b.weight(mean=value, scale=0.0), shape=x.shape)


def _power(b: Builder, x: Tensor) -> Tensor:
    return b.op("Pow", b.op("Tanh", x, shape=x.shape), b.weight(mean=2.0, scale=0.0),
                shape=x.shape)


def _ratio(b: Builder, x: Tensor) -> Tensor:
    y = b.op("Exp", b.op("Tanh", x, shape=x.shape), shape=x.shape)
    return b.add(x, y, "Div")


def _difference(b: Builder, x: Tensor) -> Tensor:
    n, c, _h, _w = x.shape
    top = b.op("ReduceMax", x, b.integers(2, 3), shape=(n, c, 1, 1), keepdims=1)
    return b.add(x, top, "Sub")


def _channel_softmax(b: Builder, x: Tensor) -> Tensor:
    return b.op("Softmax", x, shape=x.shape, axis=1)


def _prelu(b: Builder, x: Tensor) -> Tensor:
    return b.op("PRelu", x, b.weight(x.shape[1], 1, 1, scale=0.1), shape=x.shape)


def _blocks(b: Builder, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    y = b.op("SpaceToDepth", x, shape=(n, 4 * c, h // 2, w // 2), blocksize=2)
    return b.op("DepthToSpace", y, shape=x.shape, blocksize=2, mode="CRD")


def _frame(b: Builder, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    y = b.op("Pad", x, b.integers(0, 0, 1, 1, 0, 0, 1, 1), shape=(n, c, h + 2, w + 2),
             mode="reflect")
    return b.op("Slice", y, b.integers(1, 1), b.integers(h + 1, w + 1), b.integers(2, 3),
                shape=x.shape)


def _crop(b: Builder, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    half = b.op("Slice", x, b.integers(0), b.integers(h), b.integers(2), b.integers(2),
                shape=(n, c, (h + 1) // 2, w))
    return b.concat(half, half, axis=2)


def _larger(b: Builder, x: Tensor) -> Tensor:
    y = b.op("Sigmoid", x, shape=x.shape)
    test = b.op("Greater", x, y, shape=x.shape)
    return b.op("Where", test, x, y, shape=x.shape)


def _extremes(b: Builder, x: Tensor) -> Tensor:
    y = b.op("Tanh", x, shape=x.shape)
    return b.op("Min", b.op("Max", x, y, shape=x.shape), b.weight(mean=9.0, scale=0.0),
                shape=x.shape)


def _unit(b: Builder, x: Tensor) -> Tensor:
    n, _c, h, w = x.shape
    norm = b.op("ReduceL2", x, b.integers(1), shape=(n, 1, h, w), keepdims=1)
    return b.add(x, b.op("Add", norm, b.weight(mean=1.0, scale=0.0), shape=norm.shape), "Div")


_ODDS = (_mish, _constant("Div", 1.7), _constant("Sub", 0.3), _power, _ratio, _difference,
         _channel_softmax, _prelu, _blocks, _frame, _crop, _larger, _extremes, _unit,
         _chain("Abs", "Sqrt"), _chain("Softsign"), _chain("Erf"), _chain("Selu"), _chain("Elu"),
         _chain("HardSigmoid"), _chain("Sigmoid"), _chain("Neg", "Relu"), _chain("Mish"))
