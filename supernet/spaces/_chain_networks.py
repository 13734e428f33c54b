"""Networks of chains: stand-alone and weight-sharing."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from supernet.distribution import Distribution
from supernet.layers.activations import activation
from supernet.layers.inverted import InvertedResidual, Projection
from supernet.layers.norm import PrefixBatchNorm
from supernet.network import Network
from supernet.spaces._chain import IDENTITY, Block, ChainConfig, ChainFrame, Layer


class Chain(Network):
    """Stem, layers, head; what layers do, subclasses say.

    Args:
        config: sizes.
        outputs: most channels that come out of the last layer.
    """

    def __init__(self, config: ChainFrame, outputs: int) -> None:
        super().__init__()
        self.act = activation(config.act)
        self.stem = nn.Conv2d(3, config.stem, 3, stride=config.stem_stride, padding=1, bias=False)
        self.norm = PrefixBatchNorm(config.stem, relu=False)
        self.first: InvertedResidual | None = None
        if config.first is not None:
            self.first = _block(Layer(config.stem, config.first, 1), Block(3, 1, config.act))
        self.layers = nn.ModuleList()
        self.last = nn.Conv2d(outputs, config.last, 1, bias=False)
        self.last_norm = PrefixBatchNorm(config.last, relu=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(config.last, config.classes)

    @abc.abstractmethod
    def body(self, x: torch.Tensor) -> torch.Tensor:
        """Runs the layers."""

    def tail(self, x: torch.Tensor) -> torch.Tensor:
        """Runs the 1x1 convolution behind them."""
        y: torch.Tensor = self.last(x)
        return y

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes) of images (B, 3, H, W) in 0..255."""
        x = self.act(self.norm(self.stem(images / 127.5 - 1)))
        if self.first is not None:
            x = self.first(x)
        x = self.act(self.last_norm(self.tail(self.body(x))))
        logits: torch.Tensor = self.classifier(self.pool(x).flatten(1))
        return logits

    def feed_norms(self, inputs: torch.Tensor) -> None:
        """See `Network`."""
        self(inputs)

    def initialise(self) -> None:
        """Kaiming normal by fan-out for convolutions, as BN-NAS keeps them; a small classifier."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)


class ChainNetwork(Chain):
    """The network of one architecture.

    Args:
        config: sizes around the layers.
        layers: the places.
        blocks: of each place.
    """

    def __init__(
        self, config: ChainFrame, layers: Sequence[Layer], blocks: Sequence[Block]
    ) -> None:
        super().__init__(config, layers[-1].outputs)
        for layer, block in zip(layers, blocks, strict=True):
            self.layers.append(_block_or_none(layer, block))
        self.initialise()

    def body(self, x: torch.Tensor) -> torch.Tensor:
        """See `Chain`."""
        for layer in self.layers:
            x = layer(x)
        return x


class ChainSupernet(Chain):
    """Every layer holds all of its blocks; `choice` says which one runs.

    Attributes:
        choice: index of each layer's block.
        distribution: over the choices of all layers; uniform unless the training learns it.

    Args:
        config: sizes.
        cardinalities: number of choices of each layer.
    """

    def __init__(self, config: ChainConfig, cardinalities: Sequence[int]) -> None:
        super().__init__(config, config.layers[-1].outputs)
        self.distribution = Distribution(cardinalities)
        self.choice: tuple[int, ...] = (0,) * len(config.layers)
        for layer in config.layers:
            self.layers.append(nn.ModuleList([
                _block_or_none(layer, block) for block in config.blocks
            ]))
        self.initialise()

    def body(self, x: torch.Tensor) -> torch.Tensor:
        """See `Chain`."""
        for blocks, index in zip(self.layers, self.choice, strict=True):
            x = cast(nn.ModuleList, blocks)[index](x)
        return x

    def last_norms(self) -> list[list[nn.BatchNorm2d | None]]:
        """The norm behind each block's projection, by layer; None for the identity.

        None, too, where the identity changes shape and has a norm: it is no block, and BN-NAS
        counts an identity as 0.
        """
        return [
            [block.last_norm if isinstance(block, InvertedResidual) else None
             for block in cast(nn.ModuleList, blocks)]
            for blocks in self.layers
        ]

    def inherit(self, network: ChainNetwork, choice: Sequence[int]) -> None:
        """Copies the weights of the chosen blocks, and all that is shared."""
        for own, blocks, index in zip(network.layers, self.layers, choice, strict=True):
            own.load_state_dict(cast(nn.ModuleList, blocks)[index].state_dict())
        shared = {name: value for name, value in self.state_dict().items()
                  if not name.startswith(("layers.", "distribution."))}
        network.load_state_dict(shared, strict=False)


def _block_or_none(layer: Layer, block: Block) -> nn.Module:
    if block != IDENTITY:
        return _block(layer, block)
    if layer.keeps_shape:
        return nn.Identity()
    return Projection(layer.inputs, layer.outputs, layer.stride)


def _block(layer: Layer, block: Block) -> InvertedResidual:
    return InvertedResidual(
        layer.inputs, layer.outputs, stride=layer.stride, kernel=block.kernel,
        expansion=block.expansion, act=block.act, splits=block.splits,
    )
