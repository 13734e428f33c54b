"""Spaces that choose a block at every layer of a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from luts.operator import PlacedOperator
from luts.space import Architecture, Choice, Decision, Factor
from supernet.indicator import IndicatorSpace
from supernet.spaces._chain import (
    IDENTITY,
    ChainConfig,
    Layer,
    lower_head,
    lower_layer,
    lower_stem,
)
from supernet.spaces._classifier import ClassifierSpace

if TYPE_CHECKING:
    from torch import nn

    from supernet.spaces._chain_networks import ChainNetwork, ChainSupernet


class ChainSpace(ClassifierSpace, IndicatorSpace):
    """One decision for each layer: the index of its block. Widths are fixed.

    A layer that changes width or resolution cannot be the identity, unless the chain projects.

    Args:
        name: recipe name.
        config: sizes of the chain.
        reference: block that the hand-designed baseline has at every layer.
        numbers: what the layers are called (None: from 0).
        published: architectures that the paper names, as the values of their decisions.
    """

    def __init__(
        self, name: str, config: ChainConfig, reference: int, *,
        numbers: Sequence[int] | None = None,
        published: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.input_height, self.input_width = config.height, config.width
        self.classes = config.classes
        count = len(config.layers)
        names = [f"layer{n}" for n in (range(count) if numbers is None else numbers)]
        self.decisions = tuple(
            _decision(name, layer, config) for name, layer in zip(names, config.layers, strict=True)
        )
        self.factors = (
            Factor("stem", ()), *(Factor(n, (i,)) for i, n in enumerate(names)), Factor("head", ())
        )
        self._reference = self._named([reference] * count)
        self._published = {key: self._named(values) for key, values in (published or {}).items()}

    def _named(self, values: Sequence[int]) -> Architecture:
        pairs = zip(self.decisions, values, strict=True)
        return self.architecture({decision.name: value for decision, value in pairs})

    def choice(self, architecture: Architecture) -> tuple[int, ...]:
        """Index of each layer's block."""
        return tuple(architecture[decision.name] for decision in self.decisions)

    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        if factor.name == "stem":
            return lower_stem(self.config, self.batch)
        if factor.name == "head":
            return lower_head(self.config, self.batch)
        block = self.config.blocks[choices[0]]
        return lower_layer(self.config, factor.decisions[0], block, self.batch)

    def lower_reference(self) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        return self.lower(self._reference)

    def published(self) -> Mapping[str, Architecture]:
        """See `SearchSpace`."""
        return self._published

    def build(self, architecture: Architecture) -> ChainNetwork:
        """See `SearchSpace`."""
        from supernet.spaces._chain_networks import ChainNetwork

        return ChainNetwork(self.config, [self.config.blocks[i] for i in self.choice(architecture)])

    def build_reference(self) -> ChainNetwork:
        """See `SearchSpace`."""
        return self.build(self._reference)

    def build_supernet(self) -> ChainSupernet:
        """See `SearchSpace`."""
        from supernet.spaces._chain_networks import ChainSupernet

        return ChainSupernet(self.config, self.cardinalities.tolist())

    def activate(self, supernet: ChainSupernet, architecture: Architecture) -> None:
        """See `SearchSpace`."""
        supernet.choice = self.choice(architecture)

    def inherit(self, supernet: ChainSupernet, architecture: Architecture) -> ChainNetwork:
        """See `SearchSpace`."""
        network = self.build(architecture)
        supernet.inherit(network, self.choice(architecture))
        return network

    def last_norms(self, supernet: ChainSupernet) -> list[list[nn.BatchNorm2d | None]]:
        """See `IndicatorSpace`."""
        held = zip(supernet.last_norms(), self.decisions, strict=True)
        return [[norms[value] for value in decision.choices] for norms, decision in held]


def _decision(name: str, layer: Layer, config: ChainConfig) -> Decision:
    possible = {index: block.label for index, block in enumerate(config.blocks)
                if layer.keeps_shape or config.projects or block != IDENTITY}
    return Decision(name, tuple(possible), tuple(possible.values()))
