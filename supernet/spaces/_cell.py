"""Networks of repeated cells: sizes and wiring, without torch."""

from __future__ import annotations

from dataclasses import dataclass

NORMAL, REDUCTION = "normal", "reduction"
KINDS = (NORMAL, REDUCTION)
INPUTS = 2
"""A cell reads two cells, and a node two states."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a node does to a state that it reads.

    Attributes:
        name: as the literature calls it.
        kind: ``identity``, ``avg_pool``, ``max_pool``, ``dilated`` or ``separable``.
        kernel: side; 0 for the identity.
    """

    name: str
    kind: str
    kernel: int


OPERATIONS = (
    Operation("skip_connect", "identity", 0),
    Operation("avg_pool_3x3", "avg_pool", 3),
    Operation("max_pool_3x3", "max_pool", 3),
    Operation("dil_conv_3x3", "dilated", 3),
    Operation("dil_conv_5x5", "dilated", 5),
    Operation("sep_conv_3x3", "separable", 3),
    Operation("sep_conv_5x5", "separable", 5),
)
"""The seven of PARSEC, DARTS's without "none"; the costlier, the later."""


@dataclass(frozen=True, slots=True)
class Input:
    """One of the two inputs of a node.

    Attributes:
        origin: state that is read: 0 the cell before the last, 1 the last cell, 2 the first node.
        operation: index in `OPERATIONS`.
    """

    origin: int
    operation: int


Wiring = tuple[tuple[Input, Input], ...]
"""Both inputs of each node of a cell."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cell's place in the network.

    Attributes:
        kind: ``normal`` or ``reduction``.
        before: channels of the output of the cell before the last.
        last: channels of the last cell's output.
        channels: of each of its own nodes.
        shrunk: whether the last cell halved the size, so that the one before it is larger.
        height: rows of the last cell's output.
        width: its columns.
    """

    kind: str
    before: int
    last: int
    channels: int
    shrunk: bool
    height: int
    width: int

    def stride(self, origin: int) -> int:
        """Stride of operations on a state: reduction cells halve what comes from outside."""
        return 2 if self.kind == REDUCTION and origin < INPUTS else 1


@dataclass(frozen=True, slots=True)
class CellConfig:
    """Sizes of a network of cells; those at one and two thirds of it are reductions.

    Attributes:
        cells: how many.
        channels: of a node of the first cells; reductions double them.
        classes: outputs.
        height: rows of the input.
        width: columns of the input.
        stem_stride: of the first convolution.
        widened: channels of the first convolution, over those of a node.
        nodes: of a cell.
    """

    cells: int
    channels: int
    classes: int
    height: int
    width: int
    stem_stride: int = 1
    widened: int = 3
    nodes: int = 4

    def __post_init__(self) -> None:
        """Halves must fit: both parts of a halved shortcut have the same size."""
        step = 4 * self.stem_stride
        if self.height % step or self.width % step or self.channels % 2 or self.cells < 3:
            raise ValueError(f"{self}: sizes must be multiples of {step}, channels even, and there "
                             "must be three cells")

    @property
    def stem(self) -> int:
        """Channels of the first convolution."""
        return self.widened * self.channels

    @property
    def places(self) -> tuple[Place, ...]:
        """The cells, in order."""
        found = []
        before = last = self.stem
        height, width = self.height // self.stem_stride, self.width // self.stem_stride
        channels, shrunk = self.channels, False
        for index in range(self.cells):
            reduces = index in (self.cells // 3, 2 * self.cells // 3)
            channels *= 2 if reduces else 1
            kind = REDUCTION if reduces else NORMAL
            found.append(Place(kind, before, last, channels, shrunk, height, width))
            before, last, shrunk = last, self.nodes * channels, reduces
            height, width = (height // 2, width // 2) if reduces else (height, width)
        return tuple(found)
