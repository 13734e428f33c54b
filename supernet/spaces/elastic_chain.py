"""Spaces that choose width, kernel, expansion, activation and attention along a chain."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from luts.operator import PlacedOperator
from luts.space import Architecture, Choice, Factor
from supernet.spaces._chain import Block, Layer
from supernet.spaces._chain_base import ChainBase
from supernet.spaces._chain_lowering import (
    lower_head,
    lower_inner,
    lower_projection,
    lower_stem,
    shape_at,
)
from supernet.spaces._elastic_chain import GENES, Chosen, ElasticConfig
from supernet.spaces._lowering import Lowering

if TYPE_CHECKING:
    from supernet.spaces._chain_networks import ChainNetwork
    from supernet.spaces._elastic_chain_networks import ElasticChainSupernet


class ElasticChainSpace(ChainBase):
    """Five decisions for each row of layers: see `supernet.spaces._elastic_chain.GENES`.

    A row is one factor, which sees the width of the row before too: so factors form a chain, of
    which integer programmes are quick. Most of its many combinations share parts, which are lowered
    once.

    Args:
        name: recipe name.
        config: rows, and what they choose from.
        reference: the hand-designed baseline, by decision.
    """

    config: ElasticConfig

    def __init__(
        self, name: str, config: ElasticConfig, reference: Mapping[str, Choice]
    ) -> None:
        super().__init__(name, config)
        self.config = config
        self.decisions = config.decisions()
        self._groups = tuple(
            tuple(range(first, first + len(GENES)))
            for first in range(0, len(self.decisions), len(GENES)))
        self.reference = self.architecture(reference)
        self._lowered: dict[tuple[Hashable, ...], list[PlacedOperator]] = {}
        factors = [Factor("stem", ())]
        for index, own in enumerate(self._groups):
            before = () if index == 0 else (own[0] - len(GENES),)
            factors.append(Factor(config.named(index), (*before, *own)))
        last = (len(config.rows) - 1) * len(GENES)
        self.factors = (*factors, Factor("head", (last,)))

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """See `SearchSpace`: the decisions of a row (FP-NAS's layer)."""
        return self._groups

    def rows(self, architecture: Architecture) -> list[Chosen]:
        """What an architecture has at each row."""
        found, inputs = [], self.config.enters
        values = architecture.as_json()
        for index in range(len(self.config.rows)):
            genes = {gene: values[f"{self.config.named(index)}.{gene}"] for gene in GENES}
            found.append(Chosen(inputs, genes["width"], self.config.block(genes)))
            inputs = genes["width"]
        return found

    def plan(self, architecture: Architecture) -> tuple[Sequence[Layer], Sequence[Block]]:
        """See `ChainBase`."""
        pairs = list(zip(self.rows(architecture), self.config.rows, strict=True))
        return ([layer for chosen, row in pairs for layer in chosen.layers(row)],
                [chosen.block for chosen, row in pairs for _ in range(row.count)])

    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        config = self.config
        if factor.name == "stem":
            return lower_stem(config, self.batch)
        if factor.name == "head":
            return lower_head(config, shape_at(config, choices[0], config.strides, self.batch))
        index = self.factors.index(factor) - 1
        genes = dict(zip(GENES, choices[-len(GENES):], strict=True))
        before = choices[0] if index else config.enters
        chosen = Chosen(before, genes["width"], config.block(genes))
        layers, first = chosen.layers(config.rows[index]), config.first_layer(index)
        return [item for place, layer in enumerate(layers, first)
                for item in self._layer(place, layer, chosen.block)]

    def _layer(self, place: int, layer: Layer, block: Block) -> list[PlacedOperator]:
        """Operators of one layer; its last convolution alone knows how wide its result is."""
        shape = shape_at(self.config, layer.inputs, self.config.strides[:place], self.batch)
        path = f"layers.{place}"
        inner = (shape, path, block)
        projection = (shape, path, block.kernel, block.expansion, layer)
        if inner not in self._lowered:
            lowering = Lowering()
            lower_inner(lowering, path, shape, layer.stride, block)
            self._lowered[inner] = lowering.placed
        if projection not in self._lowered:
            lowering = Lowering()
            lower_projection(lowering, path, shape, layer, block)
            self._lowered[projection] = lowering.placed
        return self._lowered[inner] + self._lowered[projection]

    def build_supernet(self) -> ElasticChainSupernet:
        """See `SearchSpace`."""
        from supernet.spaces._elastic_chain_networks import ElasticChainSupernet

        return ElasticChainSupernet(self.config, self.cardinalities.tolist(), self.groups)

    def activate(self, supernet: ElasticChainSupernet, architecture: Architecture) -> None:
        """See `SearchSpace`."""
        layers, blocks = self.plan(architecture)
        supernet.choice = [(layer.outputs, block)
                           for layer, block in zip(layers, blocks, strict=True)]

    def inherit(self, supernet: ElasticChainSupernet, architecture: Architecture) -> ChainNetwork:
        """See `SearchSpace`."""
        network = self.build(architecture)
        supernet.inherit(network)
        return network
