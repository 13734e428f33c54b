"""What of wired cells is executed: not what nobody reads, and what is the same only once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from supernet.spaces._cell import INPUTS, OPERATIONS, CellConfig, Input, Place, Wiring


@dataclass(frozen=True, slots=True)
class Executed:
    """Steps of a cell that a runtime executes.

    Attributes:
        entries: inputs of the cell that are brought to size.
        inputs: inputs of nodes, as node and number.
        sums: nodes that are added up.
    """

    entries: frozenset[int]
    inputs: frozenset[tuple[int, int]]
    sums: frozenset[int]


def inputs_read(wiring: Wiring) -> frozenset[int]:
    """Which of the cell's inputs its nodes read."""
    return frozenset(one.origin for pair in wiring for one in pair if one.origin < INPUTS)


def cells_read(config: CellConfig, wirings: Mapping[str, Wiring]) -> tuple[bool, ...]:
    """Which cells a later one reads; the last is read by the head.

    Args:
        config: sizes.
        wirings: of each kind of cell.
    """
    found = [False] * config.cells
    found[-1] = True
    for cell in range(config.cells - 1, 0, -1):
        for origin in inputs_read(wirings[config.places[cell].kind]):
            source = cell - INPUTS + origin
            if found[cell] and source >= 0:
                found[source] = True
    return tuple(found)


def executed(place: Place, wiring: Wiring) -> Executed:
    """Finds steps that give what another one gave before: pools of one state, sums of the same.

    Exporters and runtimes execute these once (common subexpressions). Convolutions have weights of
    their own, so none is the same as another.

    Args:
        place: of the cell.
        wiring: both inputs of each node.
    """
    known: dict[tuple[object, ...], int] = {}
    inputs, sums = set(), set()
    values = list(range(INPUTS))  # a number for each state; equal ones are the same
    made = INPUTS

    def number(key: tuple[object, ...]) -> tuple[int, bool]:
        nonlocal made
        fresh = key not in known
        if fresh:
            known[key] = made
            made += 1
        return known[key], fresh

    for node, pair in enumerate(wiring):
        read = []
        for index, one in enumerate(pair):
            value, fresh = _read(one, place, values), False
            if value is None:
                kind = OPERATIONS[one.operation]
                alike = kind.kind.endswith("_pool")
                key = (kind.name, values[one.origin]) if alike else (node, index, "own")
                value, fresh = number(key)
            if fresh:
                inputs.add((node, index))
            read.append(value)
        value, fresh = number(("sum", *read))
        if fresh:
            sums.add(node)
        values.append(value)
    return Executed(inputs_read(wiring), frozenset(inputs), frozenset(sums))


def _read(one: Input, place: Place, values: list[int]) -> int | None:
    """The state itself, where nothing is done to it."""
    identity = OPERATIONS[one.operation].kind == "identity" and place.stride(one.origin) == 1
    return values[one.origin] if identity else None
