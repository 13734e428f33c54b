"""What networks of cells execute, as operators, and what of their factors is idle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from luts.operator import PlacedOperator
from luts.space import Idle
from supernet.spaces._cell import INPUTS, CellConfig, Wiring
from supernet.spaces._cell_lowering import (
    lower_entry,
    lower_head,
    lower_input,
    lower_join,
    lower_stem,
    lower_sum,
)
from supernet.spaces._sharing import Wirings, all_cells_read, executed

FRAME = "frame"
"""Factor of what no decision settles, but for whether it is executed."""


def input_name(kind: str, node: int, number: int) -> str:
    """Factor of an input of a node, in all cells of its kind."""
    return f"{kind}.node{node}.input{number}"


def lower_executed(
    config: CellConfig, wirings: Mapping[str, Wiring], batch: int
) -> list[PlacedOperator]:
    """Operators of one architecture, in the order of execution.

    Args:
        config: sizes.
        wirings: of each kind of cell.
        batch: inputs per inference.
    """
    by_kind = {kind: Wirings.of(own) for kind, own in wirings.items()}
    done = {kind: executed(kind, own) for kind, own in by_kind.items()}
    placed, places = lower_stem(config, batch), config.places
    for cell in np.flatnonzero(all_cells_read(config, by_kind)[:, 0]).tolist():
        kind = places[cell].kind
        for number in range(INPUTS):
            if done[kind].entries[number, 0]:
                placed += lower_entry(config, cell, number, batch)
        for node, inputs in enumerate(wirings[kind]):
            for number, chosen in enumerate(inputs):
                if done[kind].inputs[node, number, 0]:
                    placed += lower_input(config, cell, node, number, chosen, batch)
            if done[kind].sums[node, 0]:
                placed += lower_sum(config, cell, node, batch)
        placed += lower_join(config, cell, batch)
    return placed + lower_head(config, batch)


def idle_parts(config: CellConfig, wirings: Mapping[str, Wirings]) -> list[Idle]:
    """What factors count and `lower_executed` leaves out.

    Args:
        config: sizes.
        wirings: of many architectures, by kind of cell.
    """
    found = []
    read = all_cells_read(config, wirings)
    done = {kind: executed(kind, own) for kind, own in wirings.items()}
    for cell, place in enumerate(config.places):
        unread, own, path = ~read[cell], done[place.kind], f"cells.{cell}"
        found.append(Idle(FRAME, f"{path}.join", unread))
        found += [Idle(FRAME, f"{path}.pre{number}", unread | ~own.entries[number])
                  for number in range(INPUTS)]
        for node in range(config.nodes):
            found.append(Idle(FRAME, f"{path}.nodes.{node}", unread | ~own.sums[node]))
            found += [Idle(input_name(place.kind, node, number),
                           f"{path}.nodes.{node}.inputs.{number}",
                           unread | ~own.inputs[node, number]) for number in range(INPUTS)]
    return found
