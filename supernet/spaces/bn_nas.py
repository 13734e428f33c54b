"""The space of BN-NAS (Chen et al., ICCV 2021, arXiv 2108.07375), and a small one of its kind.

The paper's space has 21 layers of MBConv blocks; its released search pins four of them to the
identity, so that 6^17 architectures remain, and these are what this space holds. The reference
(every block with kernel 3 and expansion 6, as MobileNetV2's) is our choice: the paper has none.
"""

from __future__ import annotations

from supernet.spaces._chain import Block, ChainConfig
from supernet.spaces.chain import ChainSpace

BLOCKS = tuple(Block(kernel, expansion) for kernel in (3, 5, 7) for expansion in (3, 6))
"""By the paper's index: kernel 3, 5, 7, each with expansion 3 and 6."""
PINNED = (1, 5, 6, 9)
"""Layers that the released search leaves out."""
LAYERS = 21
_MOBILENET = BLOCKS.index(Block(3, 6))

# Channels, layers without the pinned ones, stride.
FULL_CONFIG = ChainConfig(
    stem=40, stem_stride=2, first=24,
    stages=((32, 3, 2), (56, 2, 2), (112, 3, 2), (128, 4, 1), (256, 4, 2), (432, 1, 1)),
    blocks=BLOCKS, last=1728, classes=1000, height=224, width=224,
)
PUBLISHED = {
    # As released, with -1 at the pinned layers.
    "bn-nas": (3, -1, 0, 4, 0, -1, -1, 0, 4, -1, 4, 4, 1, 4, 2, 0, 0, 4, 0, 2, 2),
    "spos": (0, -1, 0, 0, 4, -1, -1, 2, 0, -1, 4, 4, 3, 0, 2, 1, 0, 4, 2, 5, 2),
}
# Our design: the same blocks for images of 32 x 32, small enough to be trained on a CPU.
SMALL_CONFIG = ChainConfig(
    stem=16, stem_stride=1, first=16, stages=((24, 3, 2), (40, 3, 2), (64, 3, 1), (96, 3, 2)),
    blocks=BLOCKS, last=192, classes=10, height=32, width=32,
)


def bn_nas() -> ChainSpace:
    """The published space, for ImageNet."""
    numbers = [n for n in range(LAYERS) if n not in PINNED]
    published = {name: [genes[n] for n in numbers] for name, genes in PUBLISHED.items()}
    return ChainSpace("bn-nas", FULL_CONFIG, _MOBILENET, numbers=numbers, published=published)


def bn_nas_small() -> ChainSpace:
    """The same choice of blocks at 12 layers (6^12 architectures), for CPUs."""
    return ChainSpace("bn-nas-small", SMALL_CONFIG, _MOBILENET)


def parsec_chain_small() -> ChainSpace:
    """The small space under the name of another recipe, which learns a distribution over it."""
    return ChainSpace("parsec-chain-small", SMALL_CONFIG, _MOBILENET)
