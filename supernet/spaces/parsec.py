"""The cell space of PARSEC (Casale et al., arXiv 1902.05116), DARTS's without "none".

Four nodes, each the sum of two inputs; an input is an earlier state and one of seven operations;
normal and reduction cells are wired apart: (14 x 21 x 28 x 35)^4, 7e21 architectures. What the
paper leaves to DARTS (Liu et al., ICLR 2019, arXiv 1806.09055), stem, entries of cells and places
of the reductions, is as there: DARTS's second-order cell has its published number of weights, and
so has the supernet. Pools have no norm behind them, as in DARTS's final networks.

Our design: the reference (3x3 separable convolutions of both cells before), and the small sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from supernet.spaces._cell import NORMAL, OPERATIONS, REDUCTION, CellConfig, Input, Wiring
from supernet.spaces.cell import CellSpace

_INDEX = {operation.name: index for index, operation in enumerate(OPERATIONS)}


def _wiring(pairs: Sequence[tuple[str, int]]) -> Wiring:
    """From names of operations and the states that they read, two for each node."""
    inputs = [Input(origin, _INDEX[name]) for name, origin in pairs]
    return tuple(zip(inputs[::2], inputs[1::2], strict=True))


_SEPARABLE = _wiring([("sep_conv_3x3", 0), ("sep_conv_3x3", 1)] * 4)
REFERENCE = {NORMAL: _SEPARABLE, REDUCTION: _SEPARABLE}
DARTS = {
    NORMAL: _wiring([
        ("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2),
    ]),
    REDUCTION: _wiring([
        ("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
        ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1),
    ]),
}
"""The cell that DARTS found on CIFAR-10 with its second-order gradient (published)."""

SEARCH_CONFIG = CellConfig(cells=8, channels=16, classes=10, height=32, width=32)
LARGE_CONFIG = CellConfig(cells=20, channels=36, classes=10, height=32, width=32)
SMALL_CONFIG = CellConfig(cells=5, channels=12, classes=10, height=32, width=32, stem_stride=2)


def _space(name: str, config: CellConfig) -> CellSpace:
    return CellSpace(name, config, REFERENCE, published={"darts": DARTS})


def parsec_darts() -> CellSpace:
    """The network that the paper searches with: 8 cells of 16 channels, for CIFAR-10."""
    return _space("parsec-darts", SEARCH_CONFIG)


def parsec_darts_large() -> CellSpace:
    """The same cells in the network that the paper trains in the end: 20 cells of 36 channels."""
    return _space("parsec-darts-large", LARGE_CONFIG)


def parsec_darts_small() -> CellSpace:
    """The same cells, five of 12 channels behind a stem of stride 2, for CPUs (our design)."""
    return _space("parsec-darts-small", SMALL_CONFIG)


def fp_nas_darts() -> CellSpace:
    """The paper's space under the name of the recipe that searches it as FP-NAS does."""
    return _space("fp-nas-darts", SEARCH_CONFIG)


def fp_nas_darts_small() -> CellSpace:
    """The small space under the name of the recipe that searches it as FP-NAS does."""
    return _space("fp-nas-darts-small", SMALL_CONFIG)
