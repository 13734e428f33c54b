"""Sizes of the FlowNAS spaces (shapes only; no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from supernet.layers.choice import CellChoice, EncoderChoice


@dataclass(frozen=True, slots=True)
class CellOptions:
    """What a search may choose for one cell."""

    width: tuple[int, ...]
    depth: tuple[int, ...]
    kernel: tuple[int, ...]
    expansion: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FlowNASConfig:
    """Stem width, strides and options of the six cells."""

    stem: int
    strides: tuple[int, ...]
    cells: tuple[CellOptions, ...]

    @property
    def largest(self) -> EncoderChoice:
        """The largest choice everywhere; its weights contain all others'."""
        return tuple(
            CellChoice(max(c.width), max(c.kernel), max(c.depth), max(c.expansion))
            for c in self.cells
        )

    @property
    def smallest(self) -> EncoderChoice:
        """The smallest choice everywhere."""
        return tuple(
            CellChoice(min(c.width), min(c.kernel), min(c.depth), min(c.expansion))
            for c in self.cells
        )


_STRIDES = (1, 1, 2, 1, 2, 1)
_KERNEL = (3, 5)

FULL_CONFIG = FlowNASConfig(
    64,
    _STRIDES,
    (
        CellOptions((56, 64), (1, 2), _KERNEL, (1,)),
        CellOptions((64, 72), (1, 2, 3), _KERNEL, (1, 2, 4)),
        CellOptions((88, 96), (1, 2, 3), _KERNEL, (4, 5, 6)),
        CellOptions((96, 104, 112), (1, 2, 3), _KERNEL, (4, 5, 6)),
        CellOptions((112, 120, 128), (2, 3, 4), _KERNEL, (6,)),
        CellOptions((128, 136), (1, 2), _KERNEL, (6,)),
    ),
)
"""FlowNAS, 80,621,568 architectures (released code)."""

SMALL_CONFIG = FlowNASConfig(
    24,
    _STRIDES,
    (
        CellOptions((16, 24), (1, 2), _KERNEL, (1,)),
        CellOptions((24, 32), (1, 2, 3), _KERNEL, (1, 2, 3)),
        CellOptions((32, 40), (1, 2, 3), _KERNEL, (2, 3, 4)),
        CellOptions((40, 48, 56), (1, 2, 3), _KERNEL, (2, 3, 4)),
        CellOptions((48, 56, 64), (2, 3, 4), _KERNEL, (4,)),
        CellOptions((56, 64), (1, 2), _KERNEL, (4,)),
    ),
)
"""The same structure at about 3/8 of the widths and 2/3 of the expansions; our design."""

PUBLISHED = {
    "flownas-raft-s": (
        (64, 72, 96, 104, 120, 136), (3, 3, 5, 3, 5, 5), (2, 2, 2, 1, 2, 1), (1, 2, 5, 5, 6, 6)
    ),
    "flownas-raft-k": (
        (64, 72, 88, 104, 120, 136), (3, 5, 3, 5, 5, 5), (2, 1, 1, 2, 2, 1), (1, 4, 6, 5, 6, 6)
    ),
}
"""Width, kernel, depth and expansion of the cells of both released networks (released code)."""
