"""The MBConv block of FlowNAS, stand-alone: its weights have exactly one size."""

from __future__ import annotations

import torch
from torch import nn

from supernet.layers.choice import middle_width
from supernet.layers.depthwise import depthwise_conv
from supernet.layers.norm import make_norm


class MBConv(nn.Module):
    """Expand 1x1, depthwise k x k, project 1x1; no activation after the addition.

    Without expansion (1) there is no expand convolution, here and in the supernet alike. The
    shortcut is the identity where it can be; else an average pool by the stride, then a bare
    1x1 convolution where widths differ.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, kernel: int, expansion: int, norm: str
    ) -> None:
        super().__init__()
        middle = middle_width(inputs, expansion)
        self.stride = stride
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.expand: nn.Conv2d | None = None
        if expansion > 1:
            self.expand = nn.Conv2d(inputs, middle, 1, bias=False)
            self.norm1 = make_norm(norm, middle, relu=True)
        self.depthwise = nn.Conv2d(
            middle, middle, kernel, stride=stride, padding=kernel // 2, groups=middle, bias=False
        )
        self.norm2 = make_norm(norm, middle, relu=True)
        self.project = nn.Conv2d(middle, outputs, 1, bias=False)
        self.norm3 = make_norm(norm, outputs, relu=False)
        self.shortcut: nn.Conv2d | None = None
        if inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y: torch.Tensor = x
        if self.expand is not None:
            y = self.norm1(self.expand(y))
        if torch.is_grad_enabled():
            y = depthwise_conv(y, self.depthwise.weight, self.stride)
        else:
            y = self.depthwise(y)
        y = self.norm2(y)
        y = self.norm3(self.project(y))
        x = self.pool(x)
        if self.shortcut is not None:
            x = self.shortcut(x)
        # The branch comes first: runtimes fuse the addition into the first convolution.
        return y + x
