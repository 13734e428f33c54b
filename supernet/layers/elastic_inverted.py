"""The inverted residual block with weights for the largest choice, run at any smaller one.

Narrower blocks take the first channels of every weight, as FBNetV2's masks do; smaller kernels take
the centre, fewer splits the first depthwise convolutions (our design).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from supernet.layers.activations import activation
from supernet.layers.choice import expanded_width
from supernet.layers.depthwise import depthwise_conv
from supernet.layers.elastic import centre_crop, copy_conv, copy_norm
from supernet.layers.inverted import InvertedResidual, Projection
from supernet.layers.norm import PrefixBatchNorm
from supernet.layers.split_attention import ElasticSplitAttention


class ElasticInverted(nn.Module):
    """See `InvertedResidual`; arguments are the largest sizes.

    Args:
        inputs: most channels that come in.
        outputs: most channels that go out.
        stride: of the depthwise convolution.
        kernel: largest.
        expansions: all that there are.
        splits: most of them.
    """

    def __init__(
        self, inputs: int, outputs: int, *, stride: int, kernel: int, expansions: Sequence[float],
        splits: int,
    ) -> None:
        super().__init__()
        middle = expanded_width(inputs, max(expansions))
        self.stride = stride
        if any(expansion != 1 for expansion in expansions):
            self.expand = nn.Conv2d(inputs, middle, 1, bias=False)
            self.norm1 = PrefixBatchNorm(middle, relu=False)
        count = max(1, splits)
        self.depthwise = nn.ModuleList(
            nn.Conv2d(middle, middle, kernel, groups=middle, bias=False) for _ in range(count))
        self.norm2 = nn.ModuleList(PrefixBatchNorm(middle, relu=False) for _ in range(count))
        self.attention = ElasticSplitAttention(middle, splits) if splits else None
        self.project = nn.Conv2d(middle, outputs, 1, bias=False)
        self.norm3 = PrefixBatchNorm(outputs, relu=False)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.skip_norm = PrefixBatchNorm(outputs, relu=False)

    def forward(
        self, x: torch.Tensor, outputs: int, *, kernel: int, expansion: float, act: str, splits: int
    ) -> torch.Tensor:
        """Runs the sub-block of the given sizes; the input's width is taken from ``x``.

        Kernel 0 is no block: the input itself where it has the shape of the result, else a bare
        1x1 convolution.
        """
        inputs = x.shape[1]
        keeps = self.stride == 1 and inputs == outputs
        if kernel == 0:
            return x if keeps else self._skipped(x, outputs)
        middle, acted = expanded_width(inputs, expansion), activation(act)
        y: torch.Tensor = x
        if expansion != 1:
            y = acted(self.norm1(F.conv2d(y, self.expand.weight[:middle, :inputs])))
        maps = []
        for index in range(max(1, splits)):
            weight = self.depthwise[index].weight
            assert isinstance(weight, torch.Tensor)
            each = depthwise_conv(y, centre_crop(weight[:middle], kernel), self.stride)
            maps.append(acted(self.norm2[index](each)))
        y = maps[0] if splits == 0 or self.attention is None else self.attention(*maps)
        y = self.norm3(F.conv2d(y, self.project.weight[:outputs, :middle]))
        return y + x if keeps else y

    def _skipped(self, x: torch.Tensor, outputs: int) -> torch.Tensor:
        weight = self.skip.weight[:outputs, : x.shape[1]]
        y: torch.Tensor = self.skip_norm(F.conv2d(x, weight, stride=self.stride))
        return y

    def inherit(self, own: nn.Module) -> None:
        """Copies the shared weights into a stand-alone block, or projection; others have none."""
        if isinstance(own, Projection):
            copy_conv(own.project, self.skip)
            copy_norm(own.norm3, self.skip_norm)
        if not isinstance(own, InvertedResidual):
            return
        if own.expand is not None:
            copy_conv(own.expand, self.expand)
            copy_norm(own.norm1, self.norm1)
        pairs = zip(own.parallel(), self.depthwise, self.norm2, strict=False)
        for (conv, norm), shared, its_norm in pairs:
            assert isinstance(conv, nn.Conv2d) and isinstance(shared, nn.Conv2d)
            copy_conv(conv, shared)
            copy_norm(norm, its_norm)
        if own.attention is not None and self.attention is not None:
            self.attention.inherit(own.attention, own.splits)
        copy_conv(own.project, self.project)
        copy_norm(own.norm3, self.norm3)
