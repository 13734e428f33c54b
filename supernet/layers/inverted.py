"""The inverted residual block of MobileNetV2 (Sandler et al., 2018), of any kernel."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from supernet.layers.norm import PrefixBatchNorm


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise k x k, project 1x1; ReLU6 behind the first two.

    The input is added where it has the shape of the result. Without expansion (1) there is no
    expand convolution.
    """

    def __init__(
        self, inputs: int, outputs: int, *, stride: int, kernel: int, expansion: int
    ) -> None:
        super().__init__()
        middle = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expand: nn.Conv2d | None = None
        if expansion > 1:
            self.expand = nn.Conv2d(inputs, middle, 1, bias=False)
            self.norm1 = PrefixBatchNorm(middle, relu=False)
        self.depthwise = nn.Conv2d(
            middle, middle, kernel, stride=stride, padding=kernel // 2, groups=middle, bias=False
        )
        self.norm2 = PrefixBatchNorm(middle, relu=False)
        self.project = nn.Conv2d(middle, outputs, 1, bias=False)
        self.norm3 = PrefixBatchNorm(outputs, relu=False)

    @property
    def last_norm(self) -> PrefixBatchNorm:
        """The norm behind the projection, whose scale tells what the block contributes."""
        return self.norm3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y: torch.Tensor = x
        if self.expand is not None:
            y = F.relu6(self.norm1(self.expand(y)))
        y = F.relu6(self.norm2(self.depthwise(y)))
        y = self.norm3(self.project(y))
        # The branch comes first: runtimes fuse the addition into its convolution.
        return y + x if self.residual else y


class Projection(nn.Module):
    """A bare 1x1 convolution with its norm, in place of an identity between different shapes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        self.norm3 = PrefixBatchNorm(outputs, relu=False)

    @property
    def last_norm(self) -> PrefixBatchNorm:
        """See `InvertedResidual`."""
        return self.norm3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y: torch.Tensor = self.norm3(self.project(x))
        return y
