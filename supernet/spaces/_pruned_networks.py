"""A weight-sharing chain that learns which of its blocks are worth keeping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from supernet.pruned import PrunedDistribution
from supernet.spaces._chain import ChainConfig
from supernet.spaces._chain_networks import ChainSupernet

Rival = tuple[int, torch.Tensor]
"""Another block of a layer, and the shares of the chosen one and of it, shape (2,)."""


class PrunedChainSupernet(ChainSupernet):
    """A `ChainSupernet` from whose layers blocks can be removed.

    Attributes:
        distribution: over the choices of all layers that are left.
        rivals: by layer, a second block to compare the chosen one with (None: there is none); None
            where nothing is compared.

    Args:
        config: sizes.
        cardinalities: number of choices of each layer.
    """

    distribution: PrunedDistribution

    def __init__(self, config: ChainConfig, cardinalities: Sequence[int]) -> None:
        super().__init__(config, cardinalities)
        self.distribution = PrunedDistribution(cardinalities)
        self.rivals: list[Rival | None] | None = None

    def body(self, x: torch.Tensor) -> torch.Tensor:
        """See `Chain`.

        With rivals, the result is that of the chosen blocks, and the gradient of each layer's
        shares is what either block's result would do to the loss (binary gates of ProxylessNAS,
        Cai et al., 2019, arXiv 1812.00332).
        """
        if self.rivals is None:
            return super().body(x)
        for blocks, index, rival in zip(self.layers, self.choice, self.rivals, strict=True):
            held = cast(nn.ModuleList, blocks)
            y: torch.Tensor = held[index](x)
            if rival is not None:
                other, shares = rival
                with torch.no_grad():  # it has no part in the result, only in the shares' gradient
                    z = held[other](x)
                ours, its = shares - shares.detach()
                y = y * (1 + ours) + z * its
            x = y
        return x
