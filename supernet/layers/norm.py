"""Normalisations by name."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from luts.errors import UnknownNameError
from supernet.layers.layout import is_channels_last
from supernet.processes import are_together, shared_mean

EPS = 1e-5


class InstanceNorm(nn.Module):
    """Instance normalisation without affine parameters, then ReLU if asked; any width."""

    def __init__(self, *, relu: bool) -> None:
        super().__init__()
        self.relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each channel of each image to zero mean and unit variance, (B, C, H, W)."""
        y = _instance_norm_channels_last(x) if is_channels_last(x) else F.instance_norm(x, eps=EPS)
        return F.relu(y, inplace=True) if self.relu else y


def _instance_norm_channels_last(x: torch.Tensor) -> torch.Tensor:
    """`F.instance_norm` would copy to another layout and back.

    The batch norm of one image is its instance norm, and reads channels-last as it lies.
    """
    images = [
        F.batch_norm(image, None, None, training=True, eps=EPS) for image in x.chunk(len(x))
    ]
    return torch.cat(images)


class PrefixBatchNorm(nn.BatchNorm2d):
    """Batch normalisation that uses the first C of its entries for an input of C channels.

    ReLU follows if asked.
    """

    def __init__(self, channels: int, *, relu: bool) -> None:
        # Momentum 0: widths share entries, so running averages would mean nothing; they are
        # recalibrated per architecture.
        super().__init__(channels, eps=EPS, momentum=0.0)
        self.relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) with C up to ``num_features``."""
        C = x.shape[1]
        if self.training and are_together():
            y = _shared_batch_norm(x, self.weight[:C], self.bias[:C], self.eps)
            return F.relu(y, inplace=True) if self.relu else y
        assert self.running_mean is not None and self.running_var is not None
        mean, var = self.running_mean[:C], self.running_var[:C]
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.momentum is None:
            # Cumulative average, as recalibration wants it.
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            momentum = 1.0 / float(self.num_batches_tracked)
        y = F.batch_norm(
            x, mean, var, self.weight[:C], self.bias[:C], self.training, momentum, self.eps
        )
        return F.relu(y, inplace=True) if self.relu else y


def _shared_batch_norm(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float
) -> torch.Tensor:
    """Batch norm with the statistics of the parts that all processes hold.

    PyTorch's own (`nn.SyncBatchNorm`) needs CUDA.
    """
    wide = x.float()
    mean = shared_mean(wide.mean((0, 2, 3)))[:, None, None]
    centred = wide - mean
    var = shared_mean(centred.square().mean((0, 2, 3)))[:, None, None]
    y = centred * torch.rsqrt(var + eps) * weight[:, None, None] + bias[:, None, None]
    return y.to(x.dtype)


class NoNorm(nn.Module):
    """No normalisation; a ReLU if asked."""

    def __init__(self, *, relu: bool) -> None:
        super().__init__()
        self.relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape."""
        return F.relu(x, inplace=True) if self.relu else x


def make_norm(kind: str, channels: int, *, relu: bool) -> nn.Module:
    """``instance`` (no affine), ``batch`` or ``none``, with or without a ReLU behind it.

    Raises:
        UnknownNameError: another kind.
    """
    if kind == "instance":
        return InstanceNorm(relu=relu)
    if kind == "batch":
        return PrefixBatchNorm(channels, relu=relu)
    if kind == "none":
        return NoNorm(relu=relu)
    raise UnknownNameError("norm", kind, ("batch", "instance", "none"))
