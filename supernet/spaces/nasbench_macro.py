"""The space of NAS-Bench-Macro (Su et al., CVPR 2021, arXiv 2103.11922): every network is known.

Eight layers, each no block, kernel 3 with expansion 3, or kernel 5 with expansion 6: 6,561 networks
for CIFAR-10. The sizes were found from the published numbers of weights and multiply-adds, which
these networks have to the last one. What these do not tell (the activation, and that none follows
the projection that stands for "no block" between different shapes) is our choice. So is the
reference, kernel 3 and expansion 3 everywhere.
"""

from __future__ import annotations

from supernet.spaces._chain import IDENTITY, Block, ChainConfig
from supernet.spaces.chain import ChainSpace

CONFIG = ChainConfig(
    stem=32, stem_stride=1, first=None, stages=((64, 2, 2), (128, 3, 2), (256, 3, 2)),
    blocks=(IDENTITY, Block(3, 3), Block(5, 6)), last=1280, classes=10, height=32, width=32,
    projects=True,
)


def nasbench_macro() -> ChainSpace:
    """The whole space; values are those of the published names, such as ``02012100``."""
    return ChainSpace("nasbench-macro", CONFIG, 1)
