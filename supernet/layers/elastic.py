"""The MBConv block with weights for the largest choice, run at any smaller one.

Sharing follows FlowNAS: the first channels of every weight, the centre of the depthwise kernel.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from supernet.layers.choice import middle_width
from supernet.layers.depthwise import depthwise_conv
from supernet.layers.mbconv import MBConv
from supernet.layers.norm import PrefixBatchNorm, make_norm


def centre_crop(weight: torch.Tensor, kernel: int) -> torch.Tensor:
    """Centre k x k of a (…, K, K) kernel."""
    margin = (weight.shape[-1] - kernel) // 2
    return weight[..., margin : margin + kernel, margin : margin + kernel]


class ElasticMBConv(nn.Module):
    """See `MBConv`; arguments are the largest sizes."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, kernel: int, expansion: int, norm: str
    ) -> None:
        super().__init__()
        middle = middle_width(inputs, expansion)
        self.stride = stride
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        if expansion > 1:
            self.expand = nn.Conv2d(inputs, middle, 1, bias=False)
            self.norm1 = make_norm(norm, middle, relu=True)
        self.depthwise = nn.Conv2d(middle, middle, kernel, groups=middle, bias=False)
        self.norm2 = make_norm(norm, middle, relu=True)
        self.project = nn.Conv2d(middle, outputs, 1, bias=False)
        self.norm3 = make_norm(norm, outputs, relu=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor, outputs: int, kernel: int, expansion: int) -> torch.Tensor:
        """Runs the sub-block of the given sizes; the input's width is taken from ``x``."""
        inputs = x.shape[1]
        middle = middle_width(inputs, expansion)
        y: torch.Tensor = x
        if expansion > 1:
            y = self.norm1(F.conv2d(y, self.expand.weight[:middle, :inputs]))
        weight = centre_crop(self.depthwise.weight[:middle], kernel)
        y = self.norm2(depthwise_conv(y, weight, self.stride))
        y = self.norm3(F.conv2d(y, self.project.weight[:outputs, :middle]))
        x = self.pool(x)
        if inputs != outputs:
            x = F.conv2d(x, self.shortcut.weight[:outputs, :inputs])
        # The branch comes first: runtimes fuse the addition into the first convolution.
        return y + x

    def inherit(self, block: MBConv) -> None:
        """Copies the shared weights into a stand-alone block."""
        pairs = [(block.depthwise, self.depthwise), (block.project, self.project)]
        if block.expand is not None:
            pairs.append((block.expand, self.expand))
            copy_norm(block.norm1, self.norm1)
        if block.shortcut is not None:
            pairs.append((block.shortcut, self.shortcut))
        for own, shared in pairs:
            copy_conv(own, shared)
        copy_norm(block.norm2, self.norm2)
        copy_norm(block.norm3, self.norm3)


def copy_conv(own: nn.Conv2d, shared: nn.Conv2d) -> None:
    """Prefix channels and centre-cropped kernel of a shared convolution."""
    outputs, inputs, kernel = own.weight.shape[0], own.weight.shape[1], own.weight.shape[-1]
    with torch.no_grad():
        own.weight.copy_(centre_crop(shared.weight[:outputs, :inputs], kernel))
        if own.bias is not None and shared.bias is not None:
            own.bias.copy_(shared.bias[:outputs])


def copy_norm(own: nn.Module, shared: nn.Module) -> None:
    """The first entries of a shared batch norm; other norms hold none."""
    if isinstance(own, PrefixBatchNorm) and isinstance(shared, PrefixBatchNorm):
        C = own.num_features
        with torch.no_grad():
            own.weight.copy_(shared.weight[:C])
            own.bias.copy_(shared.bias[:C])
            assert own.running_mean is not None and shared.running_mean is not None
            assert own.running_var is not None and shared.running_var is not None
            own.running_mean.copy_(shared.running_mean[:C])
            own.running_var.copy_(shared.running_var[:C])


def start_shortcuts_as_identity(network: nn.Module) -> None:
    """Weights of all shortcuts of MBConv blocks pass the first channels on as they are."""
    for block in network.modules():
        if isinstance(block, MBConv | ElasticMBConv) and block.shortcut is not None:
            nn.init.dirac_(block.shortcut.weight)
