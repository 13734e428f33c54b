"""The inverted residual block of MobileNetV2 (Sandler et al., 2018), of any kernel."""

from __future__ import annotations

import torch
from torch import nn

from supernet.layers.activations import activation
from supernet.layers.choice import expanded_width
from supernet.layers.depthwise import DepthwiseConv
from supernet.layers.norm import PrefixBatchNorm
from supernet.layers.split_attention import SplitAttention


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise k x k, project 1x1; an activation behind the first two.

    The input is added where it has the shape of the result. Without expansion (1) there is no
    expand convolution. Attention, if any, weighs what the depthwise convolution gives, or the
    results of several parallel ones (`supernet.layers.split_attention`).

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of the depthwise convolution.
        kernel: its size.
        expansion: its channels over ``inputs``.
        act: name of the activation.
        splits: parallel depthwise convolutions that share an attention; 1 is squeeze-excite, 0
            means one convolution and no attention.
    """

    def __init__(
        self, inputs: int, outputs: int, *, stride: int, kernel: int, expansion: float,
        act: str = "relu6", splits: int = 0,
    ) -> None:
        super().__init__()
        middle = expanded_width(inputs, expansion)
        self.residual = stride == 1 and inputs == outputs
        self.act, self.splits = activation(act), splits
        self.expand: nn.Conv2d | None = None
        if expansion != 1:
            self.expand = nn.Conv2d(inputs, middle, 1, bias=False)
            self.norm1 = PrefixBatchNorm(middle, relu=False)
        convs = [
            DepthwiseConv(middle, kernel, stride=stride) for _ in range(max(1, splits))
        ]
        norms = [PrefixBatchNorm(middle, relu=False) for _ in convs]
        self.depthwise = convs[0] if len(convs) == 1 else nn.ModuleList(convs)
        self.norm2 = norms[0] if len(norms) == 1 else nn.ModuleList(norms)
        self.attention = SplitAttention(middle, splits) if splits else None
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
            y = self.act(self.norm1(self.expand(y)))
        maps = [self.act(norm(conv(y))) for conv, norm in self.parallel()]
        y = maps[0] if self.attention is None else self.attention(*maps)
        y = self.norm3(self.project(y))
        # The branch comes first: runtimes fuse the addition into its convolution.
        return y + x if self.residual else y

    def parallel(self) -> list[tuple[nn.Module, nn.Module]]:
        """The depthwise convolutions, each with its norm."""
        if isinstance(self.depthwise, nn.ModuleList) and isinstance(self.norm2, nn.ModuleList):
            return list(zip(self.depthwise, self.norm2, strict=True))
        return [(self.depthwise, self.norm2)]


class Projection(nn.Module):
    """A bare 1x1 convolution with its norm, in place of an identity between different shapes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        self.norm3 = PrefixBatchNorm(outputs, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y: torch.Tensor = self.norm3(self.project(x))
        return y
