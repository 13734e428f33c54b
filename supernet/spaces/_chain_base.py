"""What spaces of chains have in common, however their layers are chosen."""

from __future__ import annotations

import abc
import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from luts.errors import UserError
from luts.operator import PlacedOperator
from luts.space import Architecture
from supernet.space import SearchSpace
from supernet.spaces._chain import Block, ChainFrame, Layer

if TYPE_CHECKING:
    from supernet.spaces._chain_networks import ChainNetwork


class ChainBase(SearchSpace):
    """Classifiers that are a stem, a chain of inverted residual blocks, and a head.

    Attributes:
        config: sizes.
        classes: outputs.
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

    def at_batch(self, batch: int) -> Self:
        """See `luts.space.OperatorSpace`."""
        if batch < 1:
            raise UserError(f"batch must be at least 1, got {batch}")
        space = copy.copy(self)
        space.batch = batch
        return space

    def export_onnx(self, architecture: Architecture | None, path: Path) -> None:
        """See `luts.space.OperatorSpace`."""
        import torch

        from supernet.export import export_classifier

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = self.build_reference() if architecture is None else self.build(architecture)
        images = torch.zeros(self.batch, 3, self.input_height, self.input_width)
        placed = self.lower_reference() if architecture is None else self.lower(architecture)
        export_classifier(network, images, path, placed)
