"""The weight-sharing network of chains whose rows choose their widths."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from supernet.distribution import Distribution
from supernet.layers.elastic import copy_conv
from supernet.layers.elastic_inverted import ElasticInverted
from supernet.spaces._chain import Block
from supernet.spaces._chain_networks import Chain, ChainNetwork
from supernet.spaces._elastic_chain import ElasticConfig


class ElasticChainSupernet(Chain):
    """Every layer has the weights of its largest block; `choice` says what runs.

    Attributes:
        choice: channels that go out of each layer, and its block.
        distribution: over all decisions; uniform unless the training learns it.

    Args:
        config: sizes.
        cardinalities: number of choices of each decision.
        groups: see `SearchSpace.groups`.
    """

    def __init__(
        self, config: ElasticConfig, cardinalities: Sequence[int],
        groups: Sequence[Sequence[int]],
    ) -> None:
        super().__init__(config, max(config.rows[-1].widths))
        self.distribution = Distribution(cardinalities, groups)
        inputs = config.enters
        for row in config.rows:
            outputs = max(row.widths)
            for stride in row.strides:
                self.layers.append(ElasticInverted(
                    inputs, outputs, stride=stride, kernel=max(config.kernels),
                    expansions=row.expansions, splits=max(config.splits),
                ))
                inputs = outputs
        self.choice: list[tuple[int, Block]] = [
            (max(row.widths), Block(max(config.kernels), row.expansions[0], config.acts[0]))
            for row in config.rows for _ in range(row.count)
        ]
        self.initialise()

    def body(self, x: torch.Tensor) -> torch.Tensor:
        """See `Chain`."""
        for layer, (outputs, block) in zip(self.layers, self.choice, strict=True):
            x = layer(x, outputs, kernel=block.kernel, expansion=block.expansion, act=block.act,
                      splits=block.splits)
        return x

    def tail(self, x: torch.Tensor) -> torch.Tensor:
        """See `Chain`; the input may be narrower than the widest."""
        return F.conv2d(x, self.last.weight[:, : x.shape[1]])

    def inherit(self, network: ChainNetwork) -> None:
        """Copies what a stand-alone network has of the shared weights."""
        for own, shared in zip(network.layers, self.layers, strict=True):
            assert isinstance(shared, ElasticInverted)
            shared.inherit(own)
        copy_conv(network.last, self.last)
        elastic = ("layers.", "last.", "distribution.")
        plain = {name: value for name, value in self.state_dict().items()
                 if not name.startswith(elastic)}
        network.load_state_dict(plain, strict=False)
