"""Spaces that wire a cell: what each node reads, and what it does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

from luts.operator import Operator, PlacedOperator
from luts.space import Architecture, Choice, Decision, Factor
from supernet.spaces._cell import INPUTS, KINDS, OPERATIONS, CellConfig, Input, Wiring
from supernet.spaces._cell_lowering import (
    lower_entry,
    lower_head,
    lower_input,
    lower_join,
    lower_stem,
    lower_sum,
)
from supernet.spaces._classifier import ClassifierSpace
from supernet.spaces._sharing import cells_read, executed

if TYPE_CHECKING:
    from supernet.spaces._cell_networks import CellNetwork, CellSupernet

_NAMES = ("the cell before the last", "the last cell")


class CellSpace(ClassifierSpace):
    """All normal cells are wired alike, and so are all reduction cells.

    Each input of a node has two decisions, the state that it reads (``from``) and the operation
    (``op``). A factor is such an input in all cells of its kind, so no two factors share a
    decision. Factors count what `lower` leaves out, because nobody reads it or because the same
    was computed before, which depends on more than two decisions: their sum is never too small.

    Args:
        name: recipe name.
        config: sizes.
        reference: wirings of the hand-designed baseline.
        published: wirings that papers name.
    """

    def __init__(
        self, name: str, config: CellConfig, reference: Mapping[str, Wiring], *,
        published: Mapping[str, Mapping[str, Wiring]] | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.input_height, self.input_width = config.height, config.width
        self.classes = config.classes
        self._places = list(product(KINDS, range(config.nodes), range(INPUTS)))
        self.decisions = tuple(
            decision for place in self._places for decision in _decisions(*place)
        )
        self._groups = tuple((2 * i, 2 * i + 1) for i in range(len(self._places)))
        names = [f"{kind}.node{node}.input{number}" for kind, node, number in self._places]
        self._inputs = dict(zip(names, self._places, strict=True))
        self.factors = (
            Factor("stem", ()), Factor("frame", ()),
            *(Factor(name, group) for name, group in zip(names, self._groups, strict=True)),
            Factor("head", ()),
        )
        self._reference = self.wired(reference)
        self._published = {key: self.wired(given) for key, given in (published or {}).items()}

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """See `SearchSpace`: the two decisions of an input."""
        return self._groups

    def wired(self, wirings: Mapping[str, Wiring]) -> Architecture:
        """The architecture with these wirings.

        Raises:
            UserError: an input reads a state that is not before it, or there is no such operation.
        """
        values = {}
        for place, decisions in zip(self._places, self._groups, strict=True):
            kind, node, number = place
            one = wirings[kind][node][number]
            for index, value in zip(decisions, (one.origin, one.operation), strict=True):
                values[self.decisions[index].name] = value
        return self.architecture(values)

    def wirings(self, architecture: Architecture) -> dict[str, Wiring]:
        """How an architecture wires each kind of cell."""
        values = iter(architecture[decision.name] for decision in self.decisions)
        return {
            kind: tuple(
                (Input(next(values), next(values)), Input(next(values), next(values)))
                for _ in range(self.config.nodes)
            )
            for kind in KINDS
        }

    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        config, batch = self.config, self.batch
        if factor.name == "stem":
            return lower_stem(config, batch)
        if factor.name == "head":
            return lower_head(config, batch)
        if factor.name == "frame":
            return [item for cell in range(config.cells) for item in (
                *(one for number in range(INPUTS)
                  for one in lower_entry(config, cell, number, batch)),
                *(one for node in range(config.nodes)
                  for one in lower_sum(config, cell, node, batch)),
                *lower_join(config, cell, batch),
            )]
        kind, node, number = self._inputs[factor.name]
        chosen = Input(*choices)
        return [item for cell, place in enumerate(config.places) if place.kind == kind
                for item in lower_input(config, cell, node, number, chosen, batch)]

    def lower(self, architecture: Architecture) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`; what is executed, in that order."""
        config, batch, wirings = self.config, self.batch, self.wirings(architecture)
        placed = lower_stem(config, batch)
        for cell, (place, read) in enumerate(
            zip(config.places, cells_read(config, wirings), strict=True)
        ):
            if not read:
                continue
            wiring = wirings[place.kind]
            done = executed(place, wiring)
            for number in sorted(done.entries):
                placed += lower_entry(config, cell, number, batch)
            for node, inputs in enumerate(wiring):
                for number, chosen in enumerate(inputs):
                    if (node, number) in done.inputs:
                        placed += lower_input(config, cell, node, number, chosen, batch)
                if node in done.sums:
                    placed += lower_sum(config, cell, node, batch)
            placed += lower_join(config, cell, batch)
        return placed + lower_head(config, batch)

    def has_norm(self, conv: Operator) -> bool:
        """See `ClassifierSpace`; a depthwise convolution is followed by a pointwise one."""
        return super().has_norm(conv) and conv.get("groups", 1) == 1

    def lower_reference(self) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        return self.lower(self._reference)

    def published(self) -> Mapping[str, Architecture]:
        """See `SearchSpace`."""
        return self._published

    def build(self, architecture: Architecture) -> CellNetwork:
        """See `SearchSpace`."""
        from supernet.spaces._cell_networks import CellNetwork

        return CellNetwork(self.config, self.wirings(architecture))

    def build_reference(self) -> CellNetwork:
        """See `SearchSpace`."""
        return self.build(self._reference)

    def build_supernet(self) -> CellSupernet:
        """See `SearchSpace`."""
        from supernet.spaces._cell_networks import CellSupernet

        return CellSupernet(self.config, self.wirings(self._reference),
                            self.cardinalities.tolist(), self.groups)

    def activate(self, supernet: CellSupernet, architecture: Architecture) -> None:
        """See `SearchSpace`."""
        supernet.wirings = self.wirings(architecture)

    def inherit(self, supernet: CellSupernet, architecture: Architecture) -> CellNetwork:
        """See `SearchSpace`."""
        network = self.build(architecture)
        supernet.inherit(network, self.wirings(architecture))
        return network


def _decisions(kind: str, node: int, number: int) -> tuple[Decision, Decision]:
    name = f"{kind}.node{node}.input{number}"
    states = (*_NAMES, *(f"node {n}" for n in range(node)))
    operations = tuple(operation.name for operation in OPERATIONS)
    return (
        Decision(f"{name}.from", tuple(range(len(states))), states),
        Decision(f"{name}.op", tuple(range(len(operations))), operations),
    )
