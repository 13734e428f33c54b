"""What spaces of chains have in common, however their layers are chosen."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from luts.operator import PlacedOperator
from luts.space import Architecture
from supernet.spaces._chain import Block, ChainFrame, Layer
from supernet.spaces._classifier import ClassifierSpace

if TYPE_CHECKING:
    from supernet.spaces._chain_networks import ChainNetwork


class ChainBase(ClassifierSpace):
    """Classifiers that are a stem, a chain of inverted residual blocks, and a head.

    Attributes:
        config: sizes.
        reference: the hand-designed baseline, an architecture of the space.
    """

    config: ChainFrame
    reference: Architecture

    def __init__(self, name: str, config: ChainFrame) -> None:
        self.name = name
        self.input_height, self.input_width = config.height, config.width
        self.classes = config.classes
        self._published: dict[str, Architecture] = {}

    @abc.abstractmethod
    def plan(self, architecture: Architecture) -> tuple[Sequence[Layer], Sequence[Block]]:
        """The layers of an architecture, and the block of each."""

    def lower_reference(self) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        return self.lower(self.reference)

    def published(self) -> Mapping[str, Architecture]:
        """See `SearchSpace`."""
        return self._published

    def build(self, architecture: Architecture) -> ChainNetwork:
        """See `SearchSpace`."""
        from supernet.spaces._chain_networks import ChainNetwork

        return ChainNetwork(self.config, *self.plan(architecture))

    def build_reference(self) -> ChainNetwork:
        """See `SearchSpace`."""
        return self.build(self.reference)
