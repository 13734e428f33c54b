"""Spaces that wire a cell: what each node reads, and what it does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from luts.operator import Operator, PlacedOperator
from luts.space import Architecture, Choice, Decision, Factor, Idle, Vectors
from supernet.spaces._cell import INPUTS, KINDS, OPERATIONS, CellConfig, Input, Wiring
from supernet.spaces._cell_executed import FRAME, idle_parts, input_name, lower_executed
from supernet.spaces._cell_lowering import (
    lower_entry,
    lower_head,
    lower_input,
    lower_join,
    lower_stem,
    lower_sum,
)
from supernet.spaces._classifier import ClassifierSpace
from supernet.spaces._sharing import Wirings

if TYPE_CHECKING:
    from supernet.spaces._cell_networks import CellNetwork, CellSupernet

_NAMES = ("the cell before the last", "the last cell")


class CellSpace(ClassifierSpace):
    """All normal cells are wired alike, and so are all reduction cells.

    Each input of a node has two decisions, the state that it reads (``from``) and the operation
    (``op``). A factor is such an input in all cells of its kind, so no two factors share a
    decision. What nobody reads and what was computed before is `idle`, which depends on more than
    two decisions: sums of factors are never too small.

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
        names = [input_name(*place) for place in self._places]
        self._inputs = dict(zip(names, self._places, strict=True))
        self.factors = (
            Factor("stem", ()), Factor(FRAME, ()),
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
        if factor.name == FRAME:
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
        return lower_executed(self.config, self.wirings(architecture), self.batch)

    def idle(self, vectors: Vectors) -> list[Idle]:
        """See `luts.space.OperatorSpace`."""
        return idle_parts(self.config, self._wired(vectors))

    def _wired(self, vectors: Vectors) -> dict[str, Wirings]:
        """How architectures wire each kind of cell; choices are their own indices."""
        parts = vectors.reshape(len(vectors), len(KINDS), self.config.nodes, INPUTS, 2)
        moved = np.moveaxis(parts, 0, -1)
        return {kind: Wirings(own[..., 0, :], own[..., 1, :])
                for kind, own in zip(KINDS, moved, strict=True)}

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
    name = input_name(kind, node, number)
    states = (*_NAMES, *(f"node {n}" for n in range(node)))
    operations = tuple(operation.name for operation in OPERATIONS)
    return (
        Decision(f"{name}.from", tuple(range(len(states))), states),
        Decision(f"{name}.op", tuple(range(len(operations))), operations),
    )
