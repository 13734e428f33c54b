"""Accel-NASBench's MnasNet space (Ahmad et al. 2024): networks by their choices, and throughputs.

Widths, strides and the place of squeeze-and-excitation are those with which the published numbers
of parameters come out for all networks that were tried, to 300 weights. Batch and precision are not
published; 128 and fp16 are assumed, to which the level of the throughputs is nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks._published import rows_of
from luts.operator import Operator
from luts.target import load_target
from predictor.device_facts import DeviceFacts
from predictor.unmeasured.fitting import Collection
from predictor.unmeasured.steps import Steps

FILE = "accel_nasbench/accel_nasbench_imagenet.csv.gz"
COLUMNS = {"rtx3090": "throughput_img_s__3090", "a100": "throughput_img_s__a100"}
_WIDTHS, _STRIDES = (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 2, 1, 2, 1)
_STEM, _HEAD, _SIZE, _CLASSES, _BATCH = 32, 1280, 224, 1000, 128

Listed = list[tuple[Operator, int]]


def read_accel(folder: Path, target: str, count: int = 500, seed: int = 0) -> Collection:
    """A random sample of the networks, in fp16, with their time for one batch.

    Args:
        folder: of public data.
        target: a key of ``COLUMNS``.
        count: networks.
        seed: seed of the draw.
    """
    rows = [row for row in rows_of(folder / FILE) if row[COLUMNS[target]]]
    chosen = np.random.default_rng(seed).permutation(len(rows))[:count]
    networks = [Steps.of(operators(rows[i])) for i in chosen]
    latency_ms = np.array([1e3 * _BATCH / float(rows[i][COLUMNS[target]]) for i in chosen])
    return Collection(f"{target} accel", DeviceFacts.of_target(load_target(target)), "fp16",
                      networks, latency_ms)


def operators(row: Mapping[str, str]) -> Listed:
    """Operators of one network, as PyTorch executes them."""
    size = _SIZE // 2
    found: Listed = [*_conv_norm(3, _STEM, _SIZE, kernel=3, stride=2, act=True)]
    channels = _STEM
    for block, (width, first) in enumerate(zip(_WIDTHS, _STRIDES, strict=True)):
        e, k, depth, se = (int(row[f"block{block}_{name}"]) for name in ("e", "k", "l", "se"))
        for index in range(depth):
            stride, middle = first if index == 0 else 1, channels * e
            if e > 1:
                found += _conv_norm(channels, middle, size, act=True)
            found += _conv_norm(middle, middle, size, kernel=k, stride=stride, groups=middle,
                                act=True)
            size //= stride
            found += _squeeze(middle, channels // 4, size) if se else []
            found += _conv_norm(middle, width, size)
            if stride == 1 and channels == width:
                values = _BATCH * width * size**2
                found.append((Operator.make("add", (values,), (values,)), 1))
            channels = width
    found += _conv_norm(channels, _HEAD, size, act=True)
    found.append((Operator.make("reduce_mean", (_BATCH * _HEAD, size**2, 1)), 1))
    return [*found, (Operator.make("linear", (_BATCH, _HEAD), out=_CLASSES), 1)]


def _conv_norm(
    channels: int, out: int, size: int, *, kernel: int = 1, stride: int = 1, groups: int = 1,
    act: bool = False,
) -> Listed:
    shape = (_BATCH, out, size // stride, size // stride)
    conv = Operator.make("conv", (_BATCH, channels, size, size), out=out, kernel=(kernel, kernel),
                         stride=stride, groups=groups, bias=0)
    rest: Listed = [(Operator.make("relu", (int(np.prod(shape)),)), 1)] if act else []
    return [(conv, 1), (Operator.make("batch_norm", shape), 1), *rest]


def _squeeze(channels: int, inner: int, size: int) -> Listed:
    shape = (_BATCH, channels, 1, 1)
    values = _BATCH * channels
    return [
        (Operator.make("reduce_mean", (values, size**2, 1)), 1),
        (Operator.make("conv", shape, out=inner, kernel=(1, 1)), 1),
        (Operator.make("relu", (_BATCH * inner,)), 1),
        (Operator.make("conv", (_BATCH, inner, 1, 1), out=channels, kernel=(1, 1)), 1),
        (Operator.make("sigmoid", (values,)), 1),
        (Operator.make("mul", (values * size**2,), (values,)), 1),
    ]
