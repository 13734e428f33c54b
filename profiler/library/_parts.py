"""Parts that several families of networks share."""

from __future__ import annotations

from math import prod
from typing import TypeVar

import numpy as np

from profiler.library._builder import Builder
from profiler.library._graph import Tensor

T = TypeVar("T")


class Draw:
    """Random choices as designers make them.

    Args:
        rng: source of randomness.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def one(self, *choices: T) -> T:
        """One of several."""
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return bool(self.rng.random() < share)

    def between(self, low: int, high: int) -> int:
        """An integer, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def width(self, low: int, high: int) -> int:
        """A number of channels, log-uniform, mostly a multiple of 16, at times of 8 or 4."""
        value = float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
        step = self.one(4, 8, 8, 16, 16, 32, 1 << int(np.log2(value)))
        return max(4, round(value / step) * step)

    def image(self, low: int = 96, high: int = 416) -> tuple[int, int]:
        """Height and width, multiples of 32; square in two of three cases."""
        height = 32 * self.between(low // 32, high // 32)
        if self.chance(0.3):
            height = 224 if high >= 224 else height
        return height, height if self.chance(0.67) else 32 * self.between(low // 32, high // 32)


def stem(b: Builder, d: Draw, x: Tensor, out: int, act: str) -> Tensor:
    """The first layers: a patch, a strided convolution, or one with a pool."""
    style = d.one("pool", "stride", "stride", "deep", "patch")
    if style == "patch":
        size = d.one(2, 4)
        return b.conv(x, out, size, size, gain=0.01, same=False)
    kernel = d.one(3, 3, 5, 7)
    x = b.conv(x, out, kernel, 2, act=act, gain=0.01)
    if style == "deep":
        x = b.conv(x, out, 3, act=act)
    return pool(b, x, 3, 2) if style == "pool" else x


def pool(b: Builder, x: Tensor, kernel: int, stride: int, kind: str = "MaxPool") -> Tensor:
    """Pooling that pads by half the kernel where the kernel is odd."""
    n, c, h, w = x.shape
    pad = kernel // 2 if kernel % 2 else 0
    shape = (n, c, (h + 2 * pad - kernel) // stride + 1, (w + 2 * pad - kernel) // stride + 1)
    return b.op(kind, x, shape=shape, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                pads=[pad] * 4)


def mean(b: Builder, d: Draw, x: Tensor, keep: bool = True) -> Tensor:
    """Mean over the pixels, in one of the ways in which exporters write it."""
    n, c = x.shape[:2]
    if keep and d.chance(0.5):
        return b.op("GlobalAveragePool", x, shape=(n, c, 1, 1))
    return b.op("ReduceMean", x, b.integers(2, 3), shape=(n, c, 1, 1) if keep else (n, c),
                keepdims=int(keep))


def classify(b: Builder, d: Draw, x: Tensor) -> Tensor:
    """Pool, perhaps a hidden layer, classes, perhaps a softmax."""
    n, c = x.shape[:2]
    x = b.reshape(mean(b, d, x), n, c)
    if d.chance(0.3):
        x = b.act(b.linear(x, d.width(128, 2048), gemm=True), d.one("relu", "hswish", "silu"))
    x = b.linear(x, d.one(10, 100, 256, 1000, 1000), gemm=True)
    return b.op("Softmax", x, shape=x.shape, axis=-1) if d.chance(0.2) else x


def squeeze(b: Builder, d: Draw, x: Tensor, hidden: int, act: str, gate: str) -> Tensor:
    """Squeeze and excitation."""
    y = b.conv(mean(b, d, x), hidden, 1, act=act)
    return b.add(x, b.conv(y, x.shape[1], 1, act=gate), "Mul")


def layer_norm(b: Builder, x: Tensor) -> Tensor:
    """Normalises the last axis."""
    c = x.shape[-1]
    return b.op("LayerNormalization", x, b.weight(c, mean=1.0, scale=0.1), b.weight(c, scale=0.1),
                shape=x.shape, axis=-1)


def norm2d(b: Builder, x: Tensor, kind: str | None) -> Tensor:
    """Instance, group or (not folded) batch norm of an image; None leaves it as it is."""
    n, c, h, w = x.shape
    if kind == "instance":
        return b.op("InstanceNormalization", x, b.weight(c, mean=1.0, scale=0.1),
                    b.weight(c, scale=0.1), shape=x.shape)
    if kind == "group":  # as torch exports it
        groups = next(g for g in (32, 16, 8, 4, 2, 1) if c % g == 0)
        y = b.reshape(x, n, groups, c // groups * h * w)
        y = b.op("InstanceNormalization", y, b.weight(groups, mean=1.0, scale=0.0),
                 b.weight(groups, scale=0.0), shape=y.shape)
        y = b.op("Mul", b.reshape(y, *x.shape), b.weight(c, 1, 1, mean=1.0, scale=0.1),
                 shape=x.shape)
        return b.op("Add", y, b.weight(c, 1, 1, scale=0.1), shape=x.shape)
    if kind == "batch":
        return b.op("BatchNormalization", x, b.weight(c, mean=1.0, scale=0.1),
                    b.weight(c, scale=0.1), b.weight(c, scale=0.1),
                    b.weight(c, mean=1.0, scale=0.0), shape=x.shape)
    return x


def resize(b: Builder, d: Draw, x: Tensor, factor: int = 2, mode: str | None = None) -> Tensor:
    """Enlarges an image by interpolation."""
    n, c, h, w = x.shape
    mode = mode or d.one("nearest", "nearest", "linear")
    scales = b.scales(1, 1, factor, factor)
    how = {"nearest": "asymmetric", "linear": "half_pixel"}[mode]
    shape = (n, c, factor * h, factor * w)
    if mode == "nearest":
        return b.op("Resize", x, "", scales, shape=shape, mode=mode, nearest_mode="floor",
                    coordinate_transformation_mode=how)
    return b.op("Resize", x, "", scales, shape=shape, mode=mode,
                coordinate_transformation_mode=how)


def shuffle(b: Builder, x: Tensor, groups: int) -> Tensor:
    """Interleaves the channels of groups."""
    n, c, h, w = x.shape
    y = b.transpose(b.reshape(x, n, groups, c // groups, h, w), 0, 2, 1, 3, 4)
    return b.reshape(y, *x.shape)


def halves(b: Builder, x: Tensor, axis: int = 1) -> tuple[Tensor, Tensor]:
    """The two halves along an axis."""
    shape = tuple(size // 2 if i == axis else size for i, size in enumerate(x.shape))
    first = b.op("Split", x, shape=shape, outputs=2, axis=axis, num_outputs=2)
    return first, b.part(first, 1)


def pixels(x: Tensor) -> int:
    """Pixels of an image."""
    return prod(x.shape[2:])
