"""What of wired cells is executed: not what nobody reads, and what is the same only once.

Exporters and runtimes execute common subexpressions once: pools of one state, sums of the same.
Convolutions have weights of their own, so none is the same as another. Everything is found for
many architectures at once, since predictors ask for whole populations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from supernet.spaces._cell import INPUTS, KINDS, OPERATIONS, REDUCTION, CellConfig, Wiring

Indices = npt.NDArray[np.int64]
Masks = npt.NDArray[np.bool_]

_POOL = np.array([operation.kind.endswith("_pool") for operation in OPERATIONS])
_IDENTITY = np.array([operation.kind == "identity" for operation in OPERATIONS])


@dataclass(frozen=True, slots=True)
class Wirings:
    """How architectures wire one kind of cell.

    Attributes:
        origins: states that are read, shape (nodes, INPUTS, count).
        operations: indices in `OPERATIONS`, of the same shape.
    """

    origins: Indices
    operations: Indices

    @classmethod
    def of(cls, wiring: Wiring) -> Self:
        """Those of one architecture."""
        return cls(np.array([[[one.origin] for one in pair] for pair in wiring]),
                   np.array([[[one.operation] for one in pair] for pair in wiring]))


@dataclass(frozen=True, slots=True)
class Executed:
    """Steps of a cell that a runtime executes.

    Attributes:
        entries: inputs of the cell that are brought to size, shape (INPUTS, count).
        inputs: inputs of nodes, shape (nodes, INPUTS, count).
        sums: nodes that are added up, shape (nodes, count).
    """

    entries: Masks
    inputs: Masks
    sums: Masks


def entries_read(wirings: Wirings) -> Masks:
    """Which of the cell's inputs its nodes read, shape (INPUTS, count)."""
    return np.stack([(wirings.origins == number).any((0, 1)) for number in range(INPUTS)])


def inputs_read(wiring: Wiring) -> frozenset[int]:
    """Which of the cell's inputs the nodes of one architecture read."""
    return frozenset(np.flatnonzero(entries_read(Wirings.of(wiring))[:, 0]).tolist())


def all_cells_read(config: CellConfig, wirings: Mapping[str, Wirings]) -> Masks:
    """Which cells a later one reads; the last is read by the head.

    Args:
        config: sizes.
        wirings: of each kind of cell.

    Returns:
        Shape (cells, count).
    """
    read = {kind: entries_read(own) for kind, own in wirings.items()}
    places = config.places
    found = np.zeros((config.cells, next(iter(read.values())).shape[1]), dtype=np.bool_)
    found[-1] = True
    for cell in range(config.cells - 1, 0, -1):
        for origin in range(INPUTS):
            source = cell - INPUTS + origin
            if source >= 0:
                found[source] |= found[cell] & read[places[cell].kind][origin]
    return found


def cells_read(config: CellConfig, wirings: Mapping[str, Wiring]) -> tuple[bool, ...]:
    """`all_cells_read` of one architecture."""
    by_kind = {kind: Wirings.of(wirings[kind]) for kind in KINDS}
    return tuple(all_cells_read(config, by_kind)[:, 0].tolist())


def executed(kind: str, wirings: Wirings) -> Executed:
    """Finds steps that give what another one gave before.

    Every result has a number; equal ones are the same. The states from outside are 0 and 1, an
    input of a node or a sum that is made first has the next number of its own.

    Args:
        kind: of the cell.
        wirings: both inputs of each node.
    """
    nodes, _, count = wirings.origins.shape
    each = np.arange(count)
    states = np.zeros((INPUTS + nodes, count), dtype=np.int64)
    states[:INPUTS] = np.arange(INPUTS)[:, None]
    made = INPUTS
    pools: list[tuple[Indices, Indices, Indices]] = []
    sums: list[tuple[Indices, Indices, Indices]] = []
    inputs = np.ones((nodes, INPUTS, count), dtype=np.bool_)
    added = np.ones((nodes, count), dtype=np.bool_)
    for node in range(nodes):
        read = []
        for index in range(INPUTS):
            origin, operation = wirings.origins[node, index], wirings.operations[node, index]
            source = states[origin, each]
            value, fresh = _known(pools, operation, source, made, among=_POOL[operation])
            pools.append((operation, source, value))
            made += 1
            straight = _IDENTITY[operation]
            if kind == REDUCTION:  # where what comes from outside is halved, which has weights
                straight = straight & (origin >= INPUTS)
            inputs[node, index] = fresh & ~straight
            read.append(np.where(straight, source, value))
        states[INPUTS + node], added[node] = _known(sums, read[0], read[1], made)
        sums.append((read[0], read[1], states[INPUTS + node]))
        made += 1
    return Executed(entries_read(wirings), inputs, added)


def _known(
    earlier: list[tuple[Indices, Indices, Indices]], first: Indices, second: Indices, new: int,
    among: Masks | None = None,
) -> tuple[Indices, Masks]:
    """Number of the result of an earlier step with the same two parts, else a new one."""
    value, fresh = np.full(len(first), new), np.ones(len(first), dtype=np.bool_)
    for one, other, known in earlier:
        same = (one == first) & (other == second)
        if among is not None:
            same &= among
        value, fresh = np.where(same, known, value), fresh & ~same
    return value, fresh
