"""Cells: with the operations of one wiring, and with all of them."""

from __future__ import annotations

import abc
from collections.abc import Collection, Sequence
from typing import cast

import torch
from torch import nn

from supernet.layers.cells import Join, Reduce, Squeeze, make_operation
from supernet.spaces._cell import INPUTS, OPERATIONS, Input, Place, Wiring
from supernet.spaces._sharing import inputs_read


class _Cell(nn.Module, abc.ABC):
    """Both inputs brought to size, nodes, and their join; how a node is made, subclasses say.

    Args:
        place: of the cell.
        read: which of its inputs nodes read.
    """

    def __init__(self, place: Place, read: Collection[int]) -> None:
        super().__init__()
        self.pre0: nn.Module | None = None
        self.pre1: nn.Module | None = None
        if 0 in read:
            self.pre0 = (Reduce if place.shrunk else Squeeze)(place.before, place.channels)
        if 1 in read:
            self.pre1 = Squeeze(place.last, place.channels)
        self.join = Join()

    @abc.abstractmethod
    def node(
        self, number: int, inputs: tuple[Input, Input], states: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """A node, made of the states that it reads."""

    def forward(
        self, before: torch.Tensor, last: torch.Tensor, wiring: Wiring
    ) -> torch.Tensor:
        """Outputs of the two cells before to that of this one, (B, nodes x channels, H, W)."""
        read = inputs_read(wiring)
        # What no node reads is not computed; its place is kept.
        states = [
            given if enter is None or number not in read else enter(given)
            for number, (enter, given) in enumerate(((self.pre0, before), (self.pre1, last)))
        ]
        for number, inputs in enumerate(wiring):
            states.append(self.node(number, inputs, [states[one.origin] for one in inputs]))
        joined: torch.Tensor = self.join(*states[INPUTS:])
        return joined


class Node(nn.Module):
    """The sum of two operations."""

    def __init__(self, place: Place, chosen: tuple[Input, Input]) -> None:
        super().__init__()
        self.inputs = nn.ModuleList([_operation(place, one) for one in chosen])

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Two states to one, each (B, channels, H, W)."""
        ours, theirs = self.inputs
        total: torch.Tensor = ours(first) + theirs(second)
        return total


class OwnCell(_Cell):
    """A cell with the operations of one wiring."""

    def __init__(self, place: Place, wiring: Wiring) -> None:
        super().__init__(place, inputs_read(wiring))
        self.nodes = nn.ModuleList([Node(place, inputs) for inputs in wiring])

    def node(
        self, number: int, inputs: tuple[Input, Input], states: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """See `_Cell`."""
        made: torch.Tensor = self.nodes[number](*states)
        return made


class SharedCell(_Cell):
    """A cell with all operations between all states; both inputs of a node share them."""

    def __init__(self, place: Place, nodes: int) -> None:
        super().__init__(place, range(INPUTS))
        self.edges = nn.ModuleList([
            nn.ModuleList([
                nn.ModuleList([_operation(place, Input(origin, index))
                               for index in range(len(OPERATIONS))])
                for origin in range(INPUTS + node)
            ])
            for node in range(nodes)
        ])

    def node(
        self, number: int, inputs: tuple[Input, Input], states: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """See `_Cell`."""
        ours, theirs = (self.operation(number, one)(state)
                        for one, state in zip(inputs, states, strict=True))
        total: torch.Tensor = ours + theirs
        return total

    def operation(self, node: int, chosen: Input) -> nn.Module:
        """What an input of a node runs."""
        origins = cast(nn.ModuleList, self.edges[node])
        return cast(nn.ModuleList, origins[chosen.origin])[chosen.operation]


def _operation(place: Place, chosen: Input) -> nn.Module:
    operation = OPERATIONS[chosen.operation]
    return make_operation(operation.kind, operation.kernel, place.channels,
                          place.stride(chosen.origin))
