"""The spaces that FP-NAS searches: FBNetV2-F, F-Fine, and F with Split-Attention; small ones too.

FP-NAS (Yan et al., CVPR 2021, arXiv 2011.10949) gives FBNetV2-F as a table of rows with the least,
largest and step of their widths; the block of a row chooses kernel (0: none), expansion, ReLU or
swish, and squeeze-excite; FP-NAS adds 2 and 4 splits. "F" shares choices within a row, "Fine"
chooses per layer: so read, they hold 3e24 and 6e42 architectures, the paper says 6e25 and 1e45.
Our choices: the activation of stem and head (ReLU), no rounding of expanded widths, a 1x1
convolution in place of no block between different shapes, the width inside attention (a quarter),
what weights share, and the reference. Our design: the small spaces.
"""

from __future__ import annotations

from dataclasses import replace

from supernet.spaces._elastic_chain import ElasticConfig, Row
from supernet.spaces.elastic_chain import ElasticChainSpace

EXPANSIONS = (0.75, 1.5, 2.25, 3.0, 3.75, 4.5)
SPLITS = (0, 1, 2, 4)
"""None, squeeze-excite, and Split-Attention of two and four."""


def _widths(least: int, largest: int, step: int) -> tuple[int, ...]:
    return tuple(range(least, largest + 1, step))


F_CONFIG = ElasticConfig(
    stem=16, stem_stride=2, last=1984, classes=1000, height=224, width=224, act="relu",
    rows=(
        Row(_widths(12, 16, 4), 1, 1, (1.0,)),
        Row(_widths(16, 24, 4), 1, 2, EXPANSIONS),
        Row(_widths(16, 24, 4), 2, 1, EXPANSIONS),
        Row(_widths(16, 40, 8), 1, 2, EXPANSIONS),
        Row(_widths(16, 40, 8), 2, 1, EXPANSIONS),
        Row(_widths(48, 80, 8), 1, 2, EXPANSIONS),
        Row(_widths(48, 80, 8), 2, 1, EXPANSIONS),
        Row(_widths(72, 112, 8), 3, 1, EXPANSIONS),
        Row(_widths(112, 184, 8), 1, 2, EXPANSIONS),
        Row(_widths(112, 184, 8), 3, 1, EXPANSIONS),
    ),
)
SMALL_CONFIG = ElasticConfig(
    stem=16, stem_stride=1, last=192, classes=10, height=32, width=32, act="relu",
    rows=(
        Row((12, 16), 1, 1, (1.0,)),
        Row((16, 24), 2, 2, (0.75, 2.25, 4.5)),
        Row((24, 32, 40), 2, 2, (0.75, 2.25, 4.5)),
        Row((40, 48, 56), 2, 1, (0.75, 2.25, 4.5)),
        Row((64, 80), 2, 2, (0.75, 2.25, 4.5)),
    ),
)


def fbnetv2_f() -> ElasticChainSpace:
    """Choices by row, squeeze-excite or none."""
    return _made("fbnetv2-f", F_CONFIG)


def fbnetv2_f_fine() -> ElasticChainSpace:
    """Choices by layer, squeeze-excite or none."""
    return _made("fbnetv2-f-fine", F_CONFIG.fine())


def fbnetv2_f_split() -> ElasticChainSpace:
    """Choices by row, with Split-Attention: what FP-NAS's S++ models come from."""
    return _made("fbnetv2-f-split", replace(F_CONFIG, splits=SPLITS))


def fbnetv2_f_small() -> ElasticChainSpace:
    """See `fbnetv2_f`; for CPUs."""
    return _made("fbnetv2-f-small", SMALL_CONFIG)


def fbnetv2_f_fine_small() -> ElasticChainSpace:
    """See `fbnetv2_f_fine`; for CPUs."""
    return _made("fbnetv2-f-fine-small", SMALL_CONFIG.fine())


def fbnetv2_f_split_small() -> ElasticChainSpace:
    """See `fbnetv2_f_split`; for CPUs."""
    return _made("fbnetv2-f-split-small", replace(SMALL_CONFIG, splits=SPLITS))


def _made(name: str, config: ElasticConfig) -> ElasticChainSpace:
    reference = config.middle(kernel=3, expansion=3.0, act="relu", splits=0)
    return ElasticChainSpace(name, config, reference)
