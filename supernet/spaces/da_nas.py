"""Spaces for DA-NAS (Dai et al., ECCV 2020, arXiv 2003.12563), a full one and a small one.

Of the paper's space nothing is known but that each layer's candidates are "augmented": many more
than usual, which pruning makes affordable. So all of this is our design: the stages of MobileNetV2
as ProxylessNAS has them (21 layers), and at each layer no block, or one of every kernel, expansion,
activation and attention of what follows; a usual search has 6 or 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from supernet.spaces._chain import IDENTITY, Block, ChainConfig
from supernet.spaces.chain import ChainSpace

if TYPE_CHECKING:
    from supernet.spaces._pruned_networks import PrunedChainSupernet


class PrunedChainSpace(ChainSpace):
    """A chain from whose supernet blocks can be removed."""

    def build_supernet(self) -> PrunedChainSupernet:
        """See `SearchSpace`."""
        from supernet.spaces._pruned_networks import PrunedChainSupernet

        return PrunedChainSupernet(self.config, self.cardinalities.tolist())


def _candidates(
    kernels: Sequence[int], expansions: Sequence[int], kinds: Sequence[tuple[str, int]]
) -> tuple[Block, ...]:
    """No block, and every combination; kinds are activations with their splits."""
    return (IDENTITY, *(Block(kernel, expansion, act, splits) for kernel in kernels
                        for expansion in expansions for act, splits in kinds))


FULL_CONFIG = ChainConfig(
    stem=32, stem_stride=2, first=16,
    stages=((24, 4, 2), (40, 4, 2), (80, 4, 2), (96, 4, 1), (192, 4, 2), (320, 1, 1)),
    blocks=_candidates((3, 5, 7), (3, 6), (("relu6", 0), ("relu6", 1), ("silu", 0), ("silu", 1))),
    last=1280, classes=1000, height=224, width=224,
)
SMALL_CONFIG = ChainConfig(
    stem=16, stem_stride=1, first=16, stages=((24, 2, 2), (40, 2, 2), (64, 2, 1), (96, 2, 2)),
    blocks=_candidates((3, 5), (2, 4), (("relu6", 0), ("silu", 1), ("silu", 2))),
    last=192, classes=10, height=32, width=32,
)


def da_nas() -> PrunedChainSpace:
    """25 candidates a layer, for ImageNet; the reference is MobileNetV2's block everywhere."""
    return PrunedChainSpace("da-nas", FULL_CONFIG, FULL_CONFIG.blocks.index(Block(3, 6)))


def da_nas_small() -> PrunedChainSpace:
    """13 candidates at 8 layers, for CPUs."""
    return PrunedChainSpace("da-nas-small", SMALL_CONFIG, SMALL_CONFIG.blocks.index(Block(3, 4)))
