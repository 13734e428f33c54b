"""Families made of convolutions: residual, inverted, dense, plain."""

from __future__ import annotations

from profiler.library._builder import Builder
from profiler.library._graph import Tensor
from profiler.library._odds import odd
from profiler.library._parts import (
    Draw,
    classify,
    halves,
    layer_norm,
    mean,
    norm2d,
    pool,
    shuffle,
    squeeze,
    stem,
)


def residual(b: Builder, d: Draw) -> Tensor:
    """ResNet, ResNeXt, RegNet, SE-ResNet, pre-activation."""
    act = d.one("relu", "relu", "relu", "silu", "leaky")
    c = d.width(16, 96)
    x = stem(b, d, b.input(1, 3, *d.image()), c, act)
    bottleneck, before, attends = d.chance(0.5), d.chance(0.15), d.chance(0.2)
    ratio, group_width = d.one(2, 4, 4), d.one(0, 0, 0, 8, 16, 32)
    growth, kernel = d.one(1.5, 2.0, 2.0, 2.0), d.one(3, 3, 3, 5)
    for stage in range(d.between(2, 4)):
        width = c if not stage else max(8, round(c * growth / 8) * 8)
        for block in range(d.between(1, 4)):
            stride = 2 if stage and not block and min(x.shape[2:]) > 6 else 1
            out = width * ratio if bottleneck else width
            y = b.act(norm2d(b, x, "batch"), act) if before else x
            inner = None if before else act
            if bottleneck:
                y = b.conv(y, width, 1, act=act)
                groups = width // group_width if group_width and not width % group_width else 1
                y = b.conv(y, width, kernel, stride, groups, act=act)
                y = b.conv(y, out, 1, gain=0.5)
            else:
                y = b.conv(b.conv(y, width, kernel, stride, act=act), out, 3, gain=0.5)
            if attends:
                y = squeeze(b, d, y, max(8, out // 8), act, "sigmoid")
            if x.shape != y.shape:
                x = b.conv(x, out, 1, stride, gain=1.0)
            x = b.act(b.add(y, x), inner)
        c = width
    return classify(b, d, x)


def inverted(b: Builder, d: Draw) -> Tensor:
    """MobileNets and EfficientNets."""
    act = d.one("relu6", "relu", "hswish", "hswish", "silu", "silu")
    c = d.width(8, 48)
    x = b.conv(b.input(1, 3, *d.image()), c, 3, 2, act=act, gain=0.01)
    ratio, attends = d.one(2, 3, 4, 6, 6), d.one(0.0, 0.0, 0.5, 1.0)
    gate = "hsigmoid" if act == "hswish" else "sigmoid"
    for _ in range(d.between(3, 6)):
        out = d.width(max(8, c), int(c * 2))
        kernel, first, shrink = d.one(3, 3, 5, 7), d.chance(0.1), d.chance(0.75)
        for block in range(d.between(1, 3)):
            stride = 2 if shrink and not block and min(x.shape[2:]) > 6 else 1
            inner = c if first else max(8, round(c * ratio / 8) * 8)
            y = x if inner == c else b.conv(x, inner, 1, act=act)
            y = b.conv(y, inner, kernel, stride, groups=inner, act=act)
            if d.chance(attends):
                y = squeeze(b, d, y, max(4, inner // d.one(4, 4, 8, 24)),
                            d.one("relu", act), gate)
            y = b.conv(y, out, 1, gain=0.8)
            x = b.add(y, x) if x.shape == y.shape else y
            c = out
    if d.chance(0.7):
        x = b.conv(x, d.width(2 * c, 6 * c), 1, act=act)
    return classify(b, d, x)


def dense(b: Builder, d: Draw) -> Tensor:
    """DenseNet, SqueezeNet, ShuffleNet, CSP: features are joined and split."""
    c = d.width(16, 72)
    x = stem(b, d, b.input(1, 3, *d.image(96, 320)), c, "relu")
    style = d.one("dense", "fire", "shuffle", "cross", "ghost")
    growth = d.one(12, 16, 24, 32, 48)
    for stage in range(d.between(2, 4)):
        if stage and min(x.shape[2:]) > 6:
            x = _narrow(b, d, x) if style == "dense" else pool(b, x, d.one(2, 3), 2)
        for _ in range(d.between(2, 6)):
            x = _STYLES[style](b, d, x, growth)
    return classify(b, d, x)


def _narrow(b: Builder, d: Draw, x: Tensor) -> Tensor:
    x = b.conv(b.act(norm2d(b, x, "batch"), "relu"), max(8, x.shape[1] // 2), 1)
    return pool(b, x, 2, 2, d.one("AveragePool", "AveragePool", "MaxPool"))


def _dense(b: Builder, d: Draw, x: Tensor, growth: int) -> Tensor:
    y = b.act(norm2d(b, x, "batch"), "relu")
    return b.concat(x, b.conv(b.conv(y, 4 * growth, 1, act="relu"), growth, 3))


def _fire(b: Builder, d: Draw, x: Tensor, growth: int) -> Tensor:
    y = b.conv(x, growth, 1, act="relu")
    out = d.one(2, 4, 4) * growth
    return b.concat(b.conv(y, out, 1, act="relu"), b.conv(y, out, 3, act="relu"))


def _shuffle(b: Builder, d: Draw, x: Tensor, growth: int) -> Tensor:
    if x.shape[1] % 4:
        x = b.conv(x, 4 * growth, 1, act="relu")
    left, right = halves(b, x)
    c = right.shape[1]
    right = b.conv(b.conv(right, c, 1, act="relu"), c, d.one(3, 5), groups=c)
    return shuffle(b, b.concat(left, b.conv(right, c, 1, act="relu")), 2)


def _cross(b: Builder, d: Draw, x: Tensor, growth: int) -> Tensor:
    act = "silu" if growth > 20 else "leaky"
    y = b.conv(x, 2 * growth, 1, act=act)
    z = b.conv(x, 2 * growth, 1, act=act)
    y = b.add(b.conv(b.conv(y, 2 * growth, 1, act=act), 2 * growth, 3, act=act), y)
    return b.conv(b.concat(y, z), 4 * growth, 1, act=act)


def _ghost(b: Builder, d: Draw, x: Tensor, growth: int) -> Tensor:
    y = b.conv(x, 2 * growth, 1, act="relu")
    return b.concat(y, b.conv(y, 2 * growth, d.one(3, 5), groups=2 * growth, act="relu"))


_STYLES = {"dense": _dense, "fire": _fire, "shuffle": _shuffle, "cross": _cross, "ghost": _ghost}


def plain(b: Builder, d: Draw) -> Tensor:
    """VGG-like stacks, with kernels, dilations, groups and norms of all sorts, and large heads."""
    act = d.one("relu", "relu", "relu", "leaky", "elu", "tanh", "silu", "hswish")
    norm = d.one(None, None, None, "instance", "group", "batch")
    c = d.width(8, 64)
    x = b.input(1, d.one(1, 3, 3, 4), *d.image(64, 288))
    x = b.conv(x, c, d.one(3, 5, 7), d.one(1, 1, 2), act=act, gain=0.01)
    for _ in range(d.between(2, 5)):
        c = d.width(max(8, c), 2 * c)
        for _ in range(d.between(1, 3)):
            kernel = d.one((3, 3), (3, 3), (3, 3), (1, 1), (5, 5), (1, 7), (7, 1), (1, 3), (3, 1))
            dilation = d.one(1, 1, 1, 2, 4) if kernel == (3, 3) else 1
            groups = d.one(1, 1, 1, 2, 4) if not x.shape[1] % 4 and not c % 4 else 1
            x = b.act(norm2d(b, b.conv(x, c, kernel, 1, groups, dilation), norm), act)
            if d.chance(0.25) and not any(size % 2 for size in x.shape[2:]):
                x = odd(b, d, x)
        if min(x.shape[2:]) > 6:
            x = pool(b, x, d.one(2, 2, 3), 2, d.one("MaxPool", "MaxPool", "AveragePool"))
    if d.chance(0.4):
        n, c, h, w = x.shape
        x = b.reshape(x, n, c * h * w)
        for _ in range(d.between(1, 2)):
            x = b.act(b.linear(x, d.width(128, 4096), gemm=True), "relu")
        return b.linear(x, d.one(10, 1000), gemm=True)
    return classify(b, d, x)


def modern(b: Builder, d: Draw) -> Tensor:
    """ConvNeXt: depthwise convolutions, and MLPs on pixels whose channels are last."""
    c = d.width(24, 112)
    patch = d.one(4, 4, 2, 8)
    x = b.conv(b.input(1, 3, *d.image(96, 288)), c, patch, patch, gain=0.01, same=False)
    x = _channel_norm(b, x)
    kernel, ratio = d.one(7, 7, 5, 3, 9), d.one(2, 3, 4, 4)
    act = d.one("gelu", "gelu", "silu", "relu")
    for stage in range(d.between(2, 4)):
        if stage and min(x.shape[2:]) > 6:
            c = d.one(2 * c, 2 * c, d.width(c, 2 * c))
            x = b.conv(_channel_norm(b, x), c, 2, 2, same=False)
        for _ in range(d.between(1, 4)):
            y = b.transpose(b.conv(x, x.shape[1], kernel, groups=x.shape[1]), 0, 2, 3, 1)
            y = b.act(b.linear(layer_norm(b, y), ratio * y.shape[-1]), act)
            y = b.linear(y, x.shape[1])
            if d.chance(0.3):
                y = b.op("Mul", y, b.weight(x.shape[1], mean=0.1, scale=0.01), shape=y.shape)
            x = b.add(b.transpose(y, 0, 3, 1, 2), x)
    x = mean(b, d, x)
    x = layer_norm(b, b.reshape(x, *x.shape[:2]))
    return b.linear(x, d.one(10, 100, 1000), gemm=True)


def _channel_norm(b: Builder, x: Tensor) -> Tensor:
    return b.transpose(layer_norm(b, b.transpose(x, 0, 2, 3, 1)), 0, 3, 1, 2)
