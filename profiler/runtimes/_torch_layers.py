"""Layers of ONNX models as torch functions: convolutions, pools, products, norms, sampling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from luts.errors import UserError
from profiler.runtimes._torch_layout import Ints


def padded(x: Tensor, pads: Ints, auto_pad: str, value: float = 0.0) -> tuple[Tensor, list[int]]:
    """Input and the symmetric padding left to do, from ONNX pads (all begins, then all ends)."""
    if auto_pad not in {"NOTSET", "VALID"}:
        raise UserError(f"auto_pad '{auto_pad}' is not supported; export the model with pads")
    dims = x.dim() - 2
    begins, ends = list(pads[:dims]) or [0] * dims, list(pads[dims:]) or [0] * dims
    if begins == ends:
        return x, begins
    both = [pad for pair in zip(reversed(begins), reversed(ends), strict=True) for pad in pair]
    return F.pad(x, both, value=value), [0] * dims


def conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, pads: Ints = (),
         strides: Ints = (), dilations: Ints = (), group: int = 1, kernel_shape: Ints = (),
         auto_pad: str = "NOTSET") -> Tensor:
    """Convolution in one to three dimensions."""
    x, padding = padded(x, pads, auto_pad)
    call: Any = (F.conv1d, F.conv2d, F.conv3d)[x.dim() - 3]
    result: Tensor = call(x, weight, bias, tuple(strides) or 1, padding, tuple(dilations) or 1,
                          group)
    return result


def average_pool(x: Tensor, *, kernel_shape: Ints, strides: Ints = (), pads: Ints = (),
                 ceil_mode: int = 0, count_include_pad: int = 0, auto_pad: str = "NOTSET"
                 ) -> Tensor:
    """Average pooling in two dimensions."""
    plain = pads[:2] == pads[2:]
    if not plain and not count_include_pad:
        raise UserError(f"AveragePool with pads {list(pads)} is not supported")
    x, padding = padded(x, pads, auto_pad)
    return F.avg_pool2d(x, list(kernel_shape), list(strides) or 1, padding, bool(ceil_mode),
                        bool(count_include_pad))


def max_pool(x: Tensor, *, kernel_shape: Ints, strides: Ints = (), pads: Ints = (),
             dilations: Ints = (), ceil_mode: int = 0, storage_order: int = 0,
             auto_pad: str = "NOTSET") -> Tensor:
    """Maximum pooling in two dimensions."""
    x, padding = padded(x, pads, auto_pad, float("-inf"))
    return F.max_pool2d(x, list(kernel_shape), list(strides) or 1, padding, tuple(dilations) or 1,
                        bool(ceil_mode))


def gemm(a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1.0, beta: float = 1.0,
         transA: int = 0, transB: int = 0) -> Tensor:
    """``alpha * a @ b + beta * c``."""
    a, b = a.T if transA else a, b.T if transB else b
    return alpha * (a @ b) if c is None else torch.addmm(c, a, b, beta=beta, alpha=alpha)


def grid_sample(x: Tensor, grid: Tensor, *, mode: str = "bilinear", padding_mode: str = "zeros",
                align_corners: int = 0) -> Tensor:
    """Samples at places in [-1, 1]."""
    names = {"linear": "bilinear", "cubic": "bicubic"}
    return F.grid_sample(x, grid, names.get(mode, mode), padding_mode, bool(align_corners))


def batch_norm(x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, *,
                epsilon: float = 1e-5, momentum: float = 0.9, training_mode: int = 0) -> Tensor:
    """Batch norm by fixed statistics."""
    if training_mode:
        raise UserError("BatchNormalization in training mode is not supported")
    return F.batch_norm(x, mean, variance, scale, bias, eps=epsilon)
