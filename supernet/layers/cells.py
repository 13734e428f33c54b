"""Parts of cells as in DARTS (Liu et al., ICLR 2019, arXiv 1806.09055); ReLUs come first."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from supernet.layers.depthwise import DepthwiseConv
from supernet.layers.norm import PrefixBatchNorm


class ReluConv(nn.Conv2d):
    """A convolution behind a ReLU; runtimes that see the same ReLU twice compute it once.

    Attributes:
        shift: first rows and columns of the image that are left out.
    """

    shift: int = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) as `nn.Conv2d` takes (B, C, H - shift, W - shift)."""
        y = F.relu(x)
        return super().forward(y[:, :, self.shift :, self.shift :] if self.shift else y)


class ReluDepthwise(DepthwiseConv):
    """A depthwise convolution behind a ReLU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `DepthwiseConv`."""
        return super().forward(F.relu(x))


class Squeeze(nn.Module):
    """ReLU, 1x1 convolution, norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = ReluConv(inputs, outputs, 1, bias=False)
        self.norm = PrefixBatchNorm(outputs, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        y: torch.Tensor = self.norm(self.conv(x))
        return y


class Join(nn.Module):
    """Channels side by side."""

    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        """Tensors (B, C_i, H, W) to (B, sum of C_i, H, W)."""
        return torch.cat(parts, 1)


class Reduce(nn.Module):
    """An identity at half the size: a ReLU and two 1x1 convolutions of stride 2, one pixel apart.

    Each half has a norm of its own, which is one norm of both, and which runtimes fold.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.first = ReluConv(inputs, half, 1, stride=2, bias=False)
        self.second = ReluConv(inputs, outputs - half, 1, stride=2, bias=False)
        self.second.shift = 1
        self.norm1 = PrefixBatchNorm(half, relu=False)
        self.norm2 = PrefixBatchNorm(outputs - half, relu=False)
        self.join = Join()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / 2, W / 2), both sides even."""
        y: torch.Tensor = self.join(self.norm1(self.first(x)), self.norm2(self.second(x)))
        return y


class Pool(nn.Module):
    """3x3 pooling; means leave out what lies outside the image."""

    def __init__(self, kind: str, kernel: int, stride: int) -> None:
        super().__init__()
        padding = kernel // 2
        self.pool: nn.Module = (
            nn.MaxPool2d(kernel, stride=stride, padding=padding) if kind == "max_pool"
            else nn.AvgPool2d(kernel, stride=stride, padding=padding, count_include_pad=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C, H / stride, W / stride)."""
        y: torch.Tensor = self.pool(x)
        return y


class Separable(nn.Module):
    """ReLU, depthwise and pointwise convolution, norm; once if dilated, else twice."""

    def __init__(self, channels: int, kernel: int, stride: int, *, dilated: bool) -> None:
        super().__init__()
        C = channels
        self.depthwise1 = ReluDepthwise(C, kernel, stride=stride, dilation=2 if dilated else 1)
        self.pointwise1 = nn.Conv2d(C, C, 1, bias=False)
        self.norm1 = PrefixBatchNorm(C, relu=not dilated)
        self.twice = not dilated
        if self.twice:
            self.depthwise2 = DepthwiseConv(C, kernel)
            self.pointwise2 = nn.Conv2d(C, C, 1, bias=False)
            self.norm2 = PrefixBatchNorm(C, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C, H / stride, W / stride)."""
        y: torch.Tensor = self.norm1(self.pointwise1(self.depthwise1(x)))
        if self.twice:
            y = self.norm2(self.pointwise2(self.depthwise2(y)))
        return y


def make_operation(kind: str, kernel: int, channels: int, stride: int) -> nn.Module:
    """An operation of a cell.

    Args:
        kind: ``identity``, ``avg_pool``, ``max_pool``, ``dilated`` or ``separable``.
        kernel: side.
        channels: in and out.
        stride: 1 or 2.

    Raises:
        ValueError: another kind.
    """
    if kind == "identity":
        return nn.Identity() if stride == 1 else Reduce(channels, channels)
    if kind in ("avg_pool", "max_pool"):
        return Pool(kind, kernel, stride)
    if kind in ("dilated", "separable"):
        return Separable(channels, kernel, stride, dilated=kind == "dilated")
    raise ValueError(f"operation '{kind}' is not known")
