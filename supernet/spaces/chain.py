"""Spaces that choose a block at every layer of a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from luts.operator import PlacedOperator
from luts.space import Architecture, Choice, Decision, Factor
from supernet.indicator import IndicatorSpace
from supernet.spaces._chain import IDENTITY, Block, ChainConfig, Layer
from supernet.spaces._chain_base import ChainBase
from supernet.spaces._chain_lowering import lower_head, lower_layer, lower_stem, shape_at

if TYPE_CHECKING:
    from torch import nn

    from supernet.spaces._chain_networks import ChainNetwork, ChainSupernet


class ChainSpace(ChainBase, IndicatorSpace):
    """One decision for each layer: the index of its block. Widths are fixed.

    A layer that changes width or resolution cannot be the identity, unless the chain projects.

    Args:
        name: recipe name.
        config: sizes of the chain.
        reference: block that the hand-designed baseline has at every layer.
        numbers: what the layers are called (None: from 0).
        published: architectures that the paper names, as the values of their decisions.
    """

    config: ChainConfig

    def __init__(
        self, name: str, config: ChainConfig, reference: int, *,
        numbers: Sequence[int] | None = None,
        published: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        super().__init__(name, config)
        self.config = config
        count = len(config.layers)
        names = [f"layer{n}" for n in (range(count) if numbers is None else numbers)]
        self.decisions = tuple(
            _decision(name, layer, config) for name, layer in zip(names, config.layers, strict=True)
        )
        self.factors = (
            Factor("stem", ()), *(Factor(n, (i,)) for i, n in enumerate(names)), Factor("head", ())
        )
        self.reference = self._named([reference] * count)
        self._published = {key: self._named(values) for key, values in (published or {}).items()}

    def _named(self, values: Sequence[int]) -> Architecture:
        pairs = zip(self.decisions, values, strict=True)
        return self.architecture({decision.name: value for decision, value in pairs})

    def choice(self, architecture: Architecture) -> tuple[int, ...]:
        """Index of each layer's block."""
        return tuple(architecture[decision.name] for decision in self.decisions)

    def plan(self, architecture: Architecture) -> tuple[Sequence[Layer], Sequence[Block]]:
        """See `ChainBase`."""
        return self.config.layers, [self.config.blocks[i] for i in self.choice(architecture)]

    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        if factor.name == "stem":
            return lower_stem(self.config, self.batch)
        if factor.name == "head":
            layers = self.config.layers
            shape = shape_at(self.config, layers[-1].outputs, (each.stride for each in layers),
                             self.batch)
            return lower_head(self.config, shape)
        block = self.config.blocks[choices[0]]
        return lower_layer(self.config, factor.decisions[0], block, self.batch)

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
