"""Chains of layers that each choose one of several blocks: sizes and lowering, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from luts.operator import Operator, PlacedOperator
from supernet.spaces._lowering import Lowering

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual block; expansion 0 is the identity, which costs nothing."""

    kernel: int
    expansion: int

    @property
    def label(self) -> str:
        """For people."""
        if self.expansion == 0:
            return "no block"
        return f"{self.kernel}×{self.kernel}, expansion {self.expansion}"


IDENTITY = Block(0, 0)


@dataclass(frozen=True, slots=True)
class Layer:
    """A place in the chain.

    Attributes:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of the depthwise convolution.
    """

    inputs: int
    outputs: int
    stride: int

    @property
    def keeps_shape(self) -> bool:
        """Whether what goes out has the shape of what comes in."""
        return self.stride == 1 and self.inputs == self.outputs


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """A chain.

    Attributes:
        stem: channels of the first 3x3 convolution.
        stem_stride: its stride.
        first: channels of a fixed block without expansion behind the stem (None: no such block).
        stages: channels, layers and stride of the first layer, of each stage.
        blocks: what a layer can be, by the value of its decision.
        projects: whether the identity of a layer that changes the shape is a bare 1x1 convolution
            (False: such a layer has no identity).
        last: channels of the 1x1 convolution before the mean over pixels.
        classes: outputs.
        height: rows of the input.
        width: columns of the input.
    """

    stem: int
    stem_stride: int
    first: int | None
    stages: tuple[tuple[int, int, int], ...]
    blocks: tuple[Block, ...]
    last: int
    classes: int
    height: int
    width: int
    projects: bool = False

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The places of the chain, in order."""
        found, inputs = [], self.stem if self.first is None else self.first
        for outputs, count, stride in self.stages:
            for index in range(count):
                found.append(Layer(inputs, outputs, stride if index == 0 else 1))
                inputs = outputs
        return tuple(found)


def lower_stem(config: ChainConfig, batch: int) -> list[PlacedOperator]:
    """Everything before the first layer."""
    lowering = Lowering()
    images = (batch, 3, config.height, config.width)
    shape = lowering.add("input", Operator.make("scale", images))
    shape = lowering.conv("stem", shape, config.stem, kernel=3, stride=config.stem_stride,
                          act="relu6", bias=0)
    if config.first is not None:
        lower_block(lowering, "first", shape, Layer(config.stem, config.first, 1), Block(3, 1))
    return lowering.placed


def lower_layer(config: ChainConfig, index: int, block: Block, batch: int) -> list[PlacedOperator]:
    """One layer, chosen."""
    lowering, layers = Lowering(), config.layers
    layer, shape = layers[index], _shape(config, index, batch)
    if block != IDENTITY:
        lower_block(lowering, f"layers.{index}", shape, layer, block)
    elif not layer.keeps_shape:
        lowering.conv(f"layers.{index}.project", shape, layer.outputs, stride=layer.stride, bias=0)
    return lowering.placed


def lower_head(config: ChainConfig, batch: int) -> list[PlacedOperator]:
    """Everything behind the last layer."""
    lowering = Lowering()
    shape = lowering.conv("last", _shape(config, len(config.layers), batch), config.last,
                          act="relu6", bias=0)
    lowering.add("pool", Operator.make("global_avg_pool", shape))
    lowering.add("classifier", Operator.make("linear", (batch, config.last), out=config.classes))
    return lowering.placed


def lower_block(
    lowering: Lowering, path: str, shape: Shape, layer: Layer, block: Block
) -> Shape:
    """An inverted residual block; see `supernet.layers.inverted`."""
    middle = layer.inputs * block.expansion
    if block.expansion > 1:
        shape = lowering.conv(f"{path}.expand", shape, middle, act="relu6", bias=0)
    shape = lowering.conv(f"{path}.depthwise", shape, middle, kernel=block.kernel,
                          stride=layer.stride, groups=middle, act="relu6", bias=0)
    return lowering.conv(f"{path}.project", shape, layer.outputs,
                         residual=int(layer.keeps_shape), bias=0)


def _shape(config: ChainConfig, index: int, batch: int) -> Shape:
    """Shape of what comes into a layer, or out of the last one."""
    height, width = (_strided(n, config.stem_stride) for n in (config.height, config.width))
    layers = config.layers
    for layer in layers[:index]:
        height, width = _strided(height, layer.stride), _strided(width, layer.stride)
    channels = layers[index].inputs if index < len(layers) else layers[-1].outputs
    return batch, channels, height, width


def _strided(length: int, stride: int) -> int:
    return -(-length // stride)
