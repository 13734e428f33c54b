"""Families made of products: transformers over patches, windows and words, and mixers."""

from __future__ import annotations

from profiler.library._builder import Builder
from profiler.library._graph import Tensor
from profiler.library._parts import Draw, layer_norm


def transformer(b: Builder, d: Draw) -> Tensor:
    """Vision transformers: with or without a class token, global or in windows."""
    c = d.one(16, 32, 32, 48, 64, 64, 80) * (heads := d.one(1, 2, 3, 4, 6, 8))
    c = min(c, 640)
    patch = d.one(8, 16, 16, 16, 32)
    height, width = (32 * d.between(3, 8), 0) if patch < 16 else (32 * d.between(4, 12), 0)
    width = height if d.chance(0.7) else 32 * d.between(3, 8)
    x = b.conv(b.input(1, 3, height, width), c, patch, patch, gain=0.01, same=False)
    rows, columns = x.shape[2:]
    windows = d.one(0, 0, 4, 7, 8)
    windows = windows if windows and not rows % windows and not columns % windows else 0
    x = b.transpose(b.reshape(x, 1, c, rows * columns), 0, 2, 1)
    if not windows and d.chance(0.6):
        x = b.concat(Tensor(b.weight(1, 1, c), (1, 1, c)), x, axis=1)
    x = b.op("Add", x, b.weight(1, x.shape[1], c, scale=0.1), shape=x.shape)
    ratio, style, act = d.one(2, 3, 4, 4), d.one("joined", "joined", "apart"), _mlp_act(d)
    for _ in range(d.between(1, 6)):
        y = layer_norm(b, x)
        if windows:
            y = _into_windows(b, y, rows, columns, windows)
        y = _attend(b, d, y, heads, style)
        if windows:
            y = _out_of_windows(b, y, rows, columns, windows)
        x = b.add(x, y)
        y = b.act(b.linear(layer_norm(b, x), ratio * c), act)
        x = b.add(x, b.linear(y, c))
    return _head(b, d, layer_norm(b, x))


def words(b: Builder, d: Draw) -> Tensor:
    """Encoders of sequences: norms behind the sums, embeddings given; perhaps a mask."""
    c = d.one(16, 32, 64, 64) * (heads := d.one(2, 4, 6, 8))
    length = d.one(16, 32, 50, 64, 100, 128, 196, 256, 384)
    x = b.input(1, length, c)
    act, style = _mlp_act(d), d.one("joined", "apart", "apart")
    ratio = d.one(2, 4, 4)
    for _ in range(d.between(1, 6)):
        x = layer_norm(b, b.add(x, _attend(b, d, x, heads, style)))
        y = b.linear(b.act(b.linear(x, ratio * c), act), c)
        x = layer_norm(b, b.add(x, y))
    return _head(b, d, x)


def mixer(b: Builder, d: Draw) -> Tensor:
    """MLPs over pixels and over channels in turn."""
    c, patch = d.width(64, 512), d.one(8, 16, 16, 32)
    side = 32 * d.between(3, 8)
    x = b.conv(b.input(1, 3, side, side), c, patch, patch, gain=0.01, same=False)
    pixels = x.shape[2] * x.shape[3]
    x = b.transpose(b.reshape(x, 1, c, pixels), 0, 2, 1)
    act = _mlp_act(d)
    for _ in range(d.between(1, 6)):
        y = b.transpose(layer_norm(b, x), 0, 2, 1)
        y = b.linear(b.act(b.linear(y, d.width(64, 512)), act), pixels)
        x = b.add(x, b.transpose(y, 0, 2, 1))
        y = b.linear(b.act(b.linear(layer_norm(b, x), d.one(2, 4) * c), act), c)
        x = b.add(x, y)
    return _head(b, d, layer_norm(b, x))


def _mlp_act(d: Draw) -> str:
    return d.one("gelu", "gelu", "gelu", "gelu", "relu", "silu")


def _head(b: Builder, d: Draw, x: Tensor) -> Tensor:
    n, _, c = x.shape
    if d.chance(0.5):
        x = b.op("Gather", x, b.integer(0), shape=(n, c), axis=1)
    else:
        x = b.op("ReduceMean", x, b.integers(1), shape=(n, c), keepdims=0)
    return b.linear(x, d.one(10, 100, 1000, 1000), gemm=True)


def _attend(b: Builder, d: Draw, x: Tensor, heads: int, style: str) -> Tensor:
    n, length, c = x.shape
    each = c // heads
    if style == "joined":
        y = b.reshape(b.linear(x, 3 * c), n, length, 3, heads, each)
        y = b.transpose(y, 2, 0, 3, 1, 4)
        q, k, v = (b.op("Gather", y, b.integer(i), shape=(n, heads, length, each), axis=0)
                   for i in range(3))
    else:
        q, k, v = (b.transpose(b.reshape(b.linear(x, c), n, length, heads, each), 0, 2, 1, 3)
                   for _ in range(3))
    k = b.transpose(k, 0, 1, 3, 2)
    if d.chance(0.5):  # torch scales both sides by the root
        scale = b.weight(mean=each**-0.25, scale=0.0)
        q, k = (b.op("Mul", t, scale, shape=t.shape) for t in (q, k))
        scores = b.matmul(q, k)
    else:
        scores = b.matmul(q, k)
        scores = b.op("Mul", scores, b.weight(mean=each**-0.5, scale=0.0), shape=scores.shape)
    if d.chance(0.2):  # a mask, or a bias by position
        scores = b.op("Add", scores, b.weight(1, d.one(1, heads), length, length, scale=0.1),
                      shape=scores.shape)
    y = b.matmul(b.op("Softmax", scores, shape=scores.shape, axis=-1), v)
    y = b.reshape(b.transpose(y, 0, 2, 1, 3), n, length, c)
    return b.linear(y, c)


def _into_windows(b: Builder, x: Tensor, rows: int, columns: int, size: int) -> Tensor:
    n, _, c = x.shape
    y = b.reshape(x, n, rows // size, size, columns // size, size, c)
    return b.reshape(b.transpose(y, 0, 1, 3, 2, 4, 5), n * rows * columns // size**2, size**2, c)


def _out_of_windows(b: Builder, x: Tensor, rows: int, columns: int, size: int) -> Tensor:
    c = x.shape[-1]
    y = b.reshape(x, 1, rows // size, columns // size, size, size, c)
    return b.reshape(b.transpose(y, 0, 1, 3, 2, 4, 5), 1, rows * columns, c)
