"""Families that go down and up again: segmentation, restoration, detection."""

from __future__ import annotations

from profiler.library._builder import Builder
from profiler.library._graph import Tensor
from profiler.library._odds import odd
from profiler.library._parts import Draw, norm2d, pool, resize


def hourglass(b: Builder, d: Draw) -> Tensor:
    """U-Nets, and feature pyramids that add."""
    act = d.one("relu", "relu", "leaky", "silu", "elu")
    norm = d.one(None, None, None, "instance", "group")
    joins, up = d.chance(0.7), d.one("nearest", "linear", "transposed")
    c = d.width(8, 48)
    x = b.input(1, d.one(1, 3, 3), *d.image(96, 320))
    depth = d.between(2, 4)
    double = d.chance(0.7)

    def block(x: Tensor, out: int, gain: float = 1.4) -> Tensor:
        x = b.act(norm2d(b, b.conv(x, out, gain=gain), norm), act)
        if d.chance(0.15) and not any(size % 2 for size in x.shape[2:]):
            x = odd(b, d, x)
        return b.act(norm2d(b, b.conv(x, out), norm), act) if double else x

    kept = []
    for level in range(depth + 1):
        if level:
            x = pool(b, x, 2, 2) if d.chance(0.6) else b.conv(x, x.shape[1], 3, 2, act=act)
        # Pixels reach 255; what saturates, or comes near 0, would take another time.
        x = block(x, c * 2**level if d.chance(0.8) else c * (level + 1), 1.4 if level else 0.01)
        kept.append(x)
    for skip in kept[-2::-1]:
        out = skip.shape[1]
        x = b.grow(x, out) if up == "transposed" else resize(b, d, x, 2, up)
        if joins:
            x = block(b.concat(x, skip), out)
        else:
            x = block(b.add(b.conv(x, out, 1) if x.shape[1] != out else x, skip), out)
    x = b.conv(x, d.one(1, 2, 4, 21), d.one(1, 1, 3))
    return b.op("Sigmoid", x, shape=x.shape) if d.chance(0.4) else x


def detector(b: Builder, d: Draw) -> tuple[Tensor, ...]:
    """Backbone, pyramid, heads whose results are rearranged."""
    act = d.one("silu", "silu", "relu", "leaky", "relu6")
    c = d.width(8, 40)
    light = d.chance(0.4)
    x = b.conv(b.input(1, 3, *d.image(160, 448)), c, d.one(3, 3, 5), 2, act=act,
               gain=0.01)
    levels = []
    for _ in range(d.between(3, 4)):
        c = d.one(2 * c, 2 * c, d.width(c, 2 * c))
        x = _conv(b, x, c, 3, 2, act, light)
        for _ in range(d.between(1, 3)):
            x = _cross(b, x, c, act) if d.chance(0.5) else _conv(b, x, c, 3, 1, act, light)
        levels.append(x)
    if d.chance(0.5):
        parts = [b.conv(x, max(8, c // 2), 1, act=act)]
        for _ in range(d.between(1, 3)):
            parts.append(pool(b, parts[-1], d.one(5, 5, 3), 1))
        x = b.conv(b.concat(*parts), c, 1, act=act)
    found = [x]
    joins = d.chance(0.6)
    for low in levels[-2:-3:-1] if d.chance(0.3) else levels[-2::-1][:2]:
        y = resize(b, d, b.conv(found[-1], low.shape[1], 1, act=act), 2)
        if y.shape[2:] != low.shape[2:]:
            break
        y = b.concat(y, low) if joins else b.add(y, low)
        found.append(_conv(b, y, low.shape[1], 3, 1, act, light))
    return tuple(_detect(b, d, level, act, light) for level in found)


def _conv(b: Builder, x: Tensor, out: int, kernel: int, stride: int, act: str, light: bool
          ) -> Tensor:
    if light:
        x = b.conv(x, x.shape[1], kernel, stride, groups=x.shape[1], act=act)
        return b.conv(x, out, 1, act=act)
    return b.conv(x, out, kernel, stride, act=act)


def _cross(b: Builder, x: Tensor, c: int, act: str) -> Tensor:
    half = max(4, c // 2)
    y, z = b.conv(x, half, 1, act=act), b.conv(x, half, 1, act=act)
    y = b.add(b.conv(b.conv(y, half, 1, act=act), half, 3, act=act), y)
    return b.conv(b.concat(y, z), c, 1, act=act)


def _detect(b: Builder, d: Draw, x: Tensor, act: str, light: bool) -> Tensor:
    if d.chance(0.5):
        x = _conv(b, x, x.shape[1], 3, 1, act, light)
    anchors, values = d.one(1, 1, 2, 3), d.one(1, 4, 10, 25, 85)
    y = b.conv(x, anchors * values, d.one(1, 1, 3))
    n, _, h, w = y.shape
    if anchors > 1:
        y = b.transpose(b.reshape(y, n, anchors, values, h, w), 0, 1, 3, 4, 2)
    else:
        y = b.transpose(y, 0, 2, 3, 1)
    y = b.reshape(y, n, anchors * h * w, values)
    return b.op("Sigmoid", y, shape=y.shape) if d.chance(0.6) else y
