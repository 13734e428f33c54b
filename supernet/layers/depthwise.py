"""Depthwise convolution whose gradients are fast on CPUs.

oneDNN's weight gradient of a depthwise 5x5 convolution takes eight times as long as its forward
pass in bfloat16 on CPUs, and its input gradient at stride 2 twenty times. The same sums, written
as one grouped convolution of the input with the output's gradient as kernel, and as a convolution
of the spread gradient with the flipped kernel, take about as long as the forward pass
(docs/decisions/training-on-cpus.md).
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.grad import conv2d_input


class _DepthwiseConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2,
                        groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        return (
            _input_gradient(grad, x, weight, ctx.stride),
            _weight_gradient(grad, x, weight, ctx.stride), None,
        )


def _input_gradient(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int
) -> torch.Tensor:
    C, pad = x.shape[1], weight.shape[-1] // 2
    if x.shape[2] % stride or x.shape[3] % stride:
        return conv2d_input(  # type: ignore[no-untyped-call, no-any-return]
            list(x.shape), weight, grad, stride=stride, padding=pad, groups=C
        )
    if stride > 1:
        spread = torch.zeros_like(x)
        spread[..., ::stride, ::stride] = grad
        grad = spread
    return F.conv2d(grad, weight.flip(2, 3), padding=pad, groups=C)


def _weight_gradient(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int
) -> torch.Tensor:
    C, k = x.shape[1], weight.shape[-1]
    total = torch.zeros(C, k, k, dtype=torch.float32, device=x.device)
    # Image by image the grouped convolution takes both tensors as they lie in memory.
    for image, kernels in zip(x.chunk(len(x)), grad, strict=True):
        each = F.conv2d(image, kernels[:, None], padding=k // 2, dilation=stride, groups=C)
        total += each[0, :, :k, :k]
    return total.unsqueeze(1).to(weight.dtype)


def depthwise_conv(x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Depthwise convolution with half padding.

    Args:
        x: (B, C, H, W).
        weight: (C, 1, k, k), k odd.
        stride: 1 or 2.
    """
    fast = torch.is_grad_enabled() and x.device.type == "cpu" and (
        weight.requires_grad or x.requires_grad
    )
    if not fast:
        return F.conv2d(x, weight.to(x.dtype), stride=stride, padding=weight.shape[-1] // 2,
                        groups=x.shape[1])
    out: torch.Tensor = _DepthwiseConv.apply(x, weight.to(x.dtype), stride)  # type: ignore[no-untyped-call]
    return out
