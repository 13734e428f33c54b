"""Networks of cells: stand-alone and weight-sharing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import nn

from supernet.distribution import Distribution
from supernet.layers.norm import PrefixBatchNorm
from supernet.network import Network
from supernet.spaces._cell import CellConfig, Wiring
from supernet.spaces._cell_modules import Node, OwnCell, SharedCell
from supernet.spaces._sharing import cells_read


class _Cells(Network):
    """Stem, cells, head."""

    def __init__(self, config: CellConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Conv2d(3, config.stem, 3, stride=config.stem_stride, padding=1, bias=False)
        self.norm = PrefixBatchNorm(config.stem, relu=False)
        self.cells = nn.ModuleList()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(config.nodes * config.places[-1].channels, config.classes)
        self.wirings: Mapping[str, Wiring] = {}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes) of images (B, 3, H, W) in 0..255."""
        before = last = self.norm(self.stem(images / 127.5 - 1))
        read = cells_read(self.config, self.wirings)
        for cell, place, used in zip(self.cells, self.config.places, read, strict=True):
            # What no later cell reads is not computed; its place is kept.
            made = cell(before, last, self.wirings[place.kind]) if used else last
            before, last = last, made
        logits: torch.Tensor = self.classifier(self.pool(last).flatten(1))
        return logits

    def feed_norms(self, inputs: torch.Tensor) -> None:
        """See `Network`."""
        self(inputs)


class CellNetwork(_Cells):
    """The network of one architecture.

    Args:
        config: sizes.
        wirings: of each kind of cell.
    """

    def __init__(self, config: CellConfig, wirings: Mapping[str, Wiring]) -> None:
        super().__init__(config)
        self.wirings = wirings
        for place, used in zip(config.places, cells_read(config, wirings), strict=True):
            self.cells.append(OwnCell(place, wirings[place.kind]) if used else nn.Identity())


class CellSupernet(_Cells):
    """Holds every operation between any two states of every cell.

    Attributes:
        wirings: what each kind of cell runs.
        distribution: over the decisions; uniform unless the training learns it.

    Args:
        config: sizes.
        wirings: that it begins with.
        cardinalities: number of choices of each decision.
        groups: decisions that belong together.
    """

    def __init__(
        self, config: CellConfig, wirings: Mapping[str, Wiring], cardinalities: Sequence[int],
        groups: Sequence[Sequence[int]],
    ) -> None:
        super().__init__(config)
        self.wirings = wirings
        self.distribution = Distribution(cardinalities, groups)
        for place in config.places:
            self.cells.append(SharedCell(place, config.nodes))

    def inherit(self, network: CellNetwork, wirings: Mapping[str, Wiring]) -> None:
        """Copies the weights of the chosen operations, and all that is shared."""
        for name in ("stem", "norm", "classifier"):
            _copy(self.get_submodule(name), network.get_submodule(name))
        for place, mine, theirs in zip(self.config.places, self.cells, network.cells, strict=True):
            if not isinstance(theirs, OwnCell):
                continue
            shared, own = cast(SharedCell, mine), theirs
            for source, target in ((shared.pre0, own.pre0), (shared.pre1, own.pre1)):
                if source is not None and target is not None:
                    _copy(source, target)
            for number, inputs in enumerate(wirings[place.kind]):
                modules = cast(Node, own.nodes[number]).inputs
                for one, module in zip(inputs, modules, strict=True):
                    _copy(shared.operation(number, one), module)


def _copy(source: nn.Module, target: nn.Module) -> None:
    target.load_state_dict(source.state_dict())
