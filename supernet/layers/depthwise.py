"""Depthwise convolution whose weight gradient is fast on CPUs.

oneDNN's weight gradient of a depthwise 5x5 convolution takes eight times as long as its forward
pass in bfloat16 on CPUs. The same sums, written as one grouped convolution of the input with the
output's gradient as kernel, take as long as the forward pass (docs/decisions).
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
        B, C, H, W = x.shape
        k, stride = weight.shape[-1], ctx.stride
        grad = grad.contiguous()
        grad_x = conv2d_input(  # type: ignore[no-untyped-call]
            list(x.shape), weight, grad, stride=stride, padding=k // 2, groups=C
        )
        images = x.reshape(1, B * C, H, W)
        kernels = grad.reshape(B * C, 1, *grad.shape[2:])
        each = F.conv2d(images, kernels, padding=k // 2, dilation=stride, groups=B * C)
        grad_w = each[..., :k, :k].reshape(B, C, k, k).float().sum(0).unsqueeze(1)
        return grad_x, grad_w.to(weight.dtype), None


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
