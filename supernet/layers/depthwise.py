"""Depthwise convolution whose gradients are fast on CPUs.

oneDNN's weight gradient of a depthwise 5x5 convolution takes eight times as long as its forward
pass in bfloat16 on CPUs, and its input gradient at stride 2 or dilation 2 twenty times. The same
sums, written as grouped convolutions of the input with the output's gradient as kernel, and as a
convolution of the spread gradient with the flipped kernel, take about as long as the forward pass
(docs/decisions/training-on-cpus.md).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

_FEW_IMAGES = 8
_MANY_CHANNELS = 1024


class _DepthwiseConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.dilation = stride, dilation
        return _plain(x, weight, stride, dilation)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        by_input, by_weight = ctx.needs_input_grad[:2]
        return (
            _input_gradient(grad, x, weight, ctx.stride, ctx.dilation) if by_input else None,
            _weight_gradient(grad, x, weight, ctx.stride, ctx.dilation) if by_weight else None,
            None, None,
        )


def _plain(x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int) -> torch.Tensor:
    return F.conv2d(x, weight, stride=stride, padding=_padding(weight, dilation),
                    dilation=dilation, groups=x.shape[1])


def _padding(weight: torch.Tensor, dilation: int) -> int:
    return dilation * (weight.shape[-1] // 2)


def _input_gradient(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int
) -> torch.Tensor:
    C, pad = x.shape[1], _padding(weight, dilation)
    if x.shape[2] % stride or x.shape[3] % stride:
        return conv2d_input(  # type: ignore[no-untyped-call, no-any-return]
            list(x.shape), weight, grad, stride=stride, padding=pad, dilation=dilation, groups=C
        )
    if stride > 1:
        spread = torch.zeros_like(x)
        spread[..., ::stride, ::stride] = grad
        grad = spread
    return F.conv2d(grad, weight.flip(2, 3), padding=pad, dilation=dilation, groups=C)


def _weight_gradient(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int
) -> torch.Tensor:
    B, C, k = x.shape[0], x.shape[1], weight.shape[-1]
    pad = _padding(weight, dilation)
    if k <= 3 and dilation == 1 and B > _FEW_IMAGES:
        # oneDNN's own is quick for many images and small kernels.
        _, own, _ = torch.ops.aten.convolution_backward(
            grad, x, weight, None, [stride] * 2, [pad] * 2, [dilation] * 2, False, [0, 0], C,
            [False, True, False])
        assert isinstance(own, torch.Tensor)
        return own
    total = torch.zeros(C, k, k, dtype=torch.float32, device=x.device)
    # One image at a time is taken as it lies in memory; several are laid side by side as channels
    # of one, since a call for each would cost more than its sums.
    count = 1 if B <= _FEW_IMAGES else max(1, _MANY_CHANNELS // C)
    for start in range(0, B, count):
        images, kernels = x[start : start + count], grad[start : start + count]
        n = len(images)
        each = F.conv2d(_as_channels(images), kernels.reshape(n * C, 1, *kernels.shape[2:]),
                        padding=pad, dilation=stride, stride=dilation, groups=n * C)
        total += each[0, :, :k, :k].reshape(n, C, k, k).sum(0)
    return total.unsqueeze(1).to(weight.dtype)


def _as_channels(images: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) as (1, B x C, H, W), channels-last."""
    B, C, H, W = images.shape
    if B == 1:
        return images
    return images.permute(2, 3, 0, 1).reshape(1, H, W, B * C).permute(0, 3, 1, 2)


def depthwise_conv(
    x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int = 1
) -> torch.Tensor:
    """Depthwise convolution with half padding.

    Args:
        x: (B, C, H, W).
        weight: (C, 1, k, k), k odd.
        stride: 1 or 2.
        dilation: of the kernel.
    """
    fast = torch.is_grad_enabled() and x.device.type == "cpu" and (
        weight.requires_grad or x.requires_grad
    )
    if not fast:
        return _plain(x, weight.to(x.dtype), stride, dilation)
    out: torch.Tensor = _DepthwiseConv.apply(  # type: ignore[no-untyped-call]
        x, weight.to(x.dtype), stride, dilation)
    return out


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution with half padding and no bias, for training; exported as any other.

    Args:
        channels: in and out.
        kernel: its side, odd.
        stride: 1 or 2.
        dilation: of the kernel.
    """

    def __init__(self, channels: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(channels, channels, kernel, stride=stride, dilation=dilation,
                         padding=dilation * (kernel // 2), groups=channels, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C, H / stride, W / stride)."""
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        return depthwise_conv(x, self.weight, self.stride[0], self.dilation[0])
