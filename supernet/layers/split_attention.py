"""Attention over channels: squeeze-excite, and Split-Attention between parallel feature maps.

Split-Attention (Zhang et al., ResNeSt, arXiv 2004.08955) as FP-NAS has it in its blocks (Yan et
al., arXiv 2011.10949): the maps are summed, pooled, squeezed by a 1x1 convolution, and one more
gives each map a weight per channel; these are a softmax over the maps. With one map that softmax
would be 1, so a sigmoid stands in its place: squeeze-excite (Hu et al., arXiv 1709.01507).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from supernet.layers.choice import squeezed_width
from supernet.layers.elastic import copy_conv


class Join(nn.Module):
    """The sum of feature maps; a module, so that exports tell it from what follows."""

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        """Maps of equal shapes."""
        total = maps[0]
        for each in maps[1:]:
            total = total + each
        return total


class SplitAttention(nn.Module):
    """See the module; stand-alone.

    Args:
        channels: of each map.
        splits: maps, 1 for squeeze-excite.
    """

    def __init__(self, channels: int, splits: int) -> None:
        super().__init__()
        self.join = Join()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Conv2d(channels, squeezed_width(channels), 1)
        self.act = nn.ReLU()
        self.excite = nn.Conv2d(squeezed_width(channels), splits * channels, 1)

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        """``splits`` maps (B, channels, H, W) to one."""
        joined = self.join(*maps) if len(maps) > 1 else maps[0]
        return weighted(self.excite(self.act(self.squeeze(self.pool(joined)))), maps)


class ElasticSplitAttention(nn.Module):
    """Weights for the widest and most maps; fewer channels take the first, fewer maps too.

    Args:
        channels: largest number.
        splits: most maps.
    """

    def __init__(self, channels: int, splits: int) -> None:
        super().__init__()
        middle = squeezed_width(channels)
        self.squeeze = nn.Conv2d(channels, middle, 1)
        self.heads = nn.ModuleList(nn.Conv2d(middle, channels, 1) for _ in range(splits))

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        """At most as many maps (B, C, H, W), of at most as many channels, to one."""
        C = maps[0].shape[1]
        middle = squeezed_width(C)
        pooled = Join()(*maps).mean((2, 3), keepdim=True)
        squeezed = F.relu(F.conv2d(pooled, self.squeeze.weight[:middle, :C],
                                   _first(self.squeeze, middle)))
        logits = [F.conv2d(squeezed, head.weight[:C, :middle], _first(head, C))
                  for head in self._convs(len(maps))]
        return weighted(torch.cat(logits, 1), maps)

    def inherit(self, own: SplitAttention, splits: int) -> None:
        """Copies the shared weights into a stand-alone one of so many maps."""
        copy_conv(own.squeeze, self.squeeze)
        C, middle = own.squeeze.in_channels, own.squeeze.out_channels
        heads = self._convs(splits)
        with torch.no_grad():
            own.excite.weight.copy_(torch.cat([head.weight[:C, :middle] for head in heads]))
            assert own.excite.bias is not None
            own.excite.bias.copy_(torch.cat([_first(head, C) for head in heads]))

    def _convs(self, count: int) -> list[nn.Conv2d]:
        return [head for head in self.heads if isinstance(head, nn.Conv2d)][:count]


def weighted(logits: torch.Tensor, maps: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The maps times their weights, summed.

    Args:
        logits: (B, maps x C, 1, 1).
        maps: each (B, C, H, W).
    """
    if len(maps) == 1:
        return maps[0] * torch.sigmoid(logits)
    shares = torch.unflatten(logits, 1, (len(maps), -1)).softmax(1).unbind(1)
    total = maps[0] * shares[0]
    for each, share in zip(maps[1:], shares[1:], strict=True):
        total = total + each * share
    return total


def _first(conv: nn.Conv2d, count: int) -> torch.Tensor:
    assert conv.bias is not None
    return conv.bias[:count]
