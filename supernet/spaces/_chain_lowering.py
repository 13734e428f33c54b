"""Operators of chains, placed at the paths of their modules."""

from __future__ import annotations

from collections.abc import Iterable

from luts.operator import Operator, PlacedOperator
from supernet.layers.choice import squeezed_width
from supernet.spaces._chain import IDENTITY, Block, ChainConfig, ChainFrame, Layer
from supernet.spaces._lowering import Lowering

Shape = tuple[int, ...]


def lower_stem(config: ChainFrame, batch: int) -> list[PlacedOperator]:
    """Everything before the first layer."""
    lowering = Lowering()
    images = (batch, 3, config.height, config.width)
    shape = lowering.add("input", Operator.make("scale", images))
    shape = lowering.conv("stem", shape, config.stem, kernel=3, stride=config.stem_stride,
                          act=config.act, bias=0)
    if config.first is not None:
        layer = Layer(config.stem, config.first, 1)
        lower_block(lowering, "first", shape, layer, Block(3, 1, config.act))
    return lowering.placed


def lower_layer(config: ChainConfig, index: int, block: Block, batch: int) -> list[PlacedOperator]:
    """One layer, chosen."""
    lowering, layer = Lowering(), config.layers[index]
    shape = shape_at(config, layer.inputs, (each.stride for each in config.layers[:index]), batch)
    lower_block(lowering, f"layers.{index}", shape, layer, block)
    return lowering.placed


def lower_head(config: ChainFrame, shape: Shape) -> list[PlacedOperator]:
    """Everything behind the last layer, whose result has that shape."""
    lowering = Lowering()
    shape = lowering.conv("last", shape, config.last, act=config.act, bias=0)
    lowering.add("pool", Operator.make("global_avg_pool", shape))
    lowering.add("classifier",
                 Operator.make("linear", (shape[0], config.last), out=config.classes))
    return lowering.placed


def lower_block(lowering: Lowering, path: str, shape: Shape, layer: Layer, block: Block) -> None:
    """An inverted residual block, or what stands for none; see `supernet.layers.inverted`."""
    lower_inner(lowering, path, shape, layer.stride, block)
    lower_projection(lowering, path, shape, layer, block)


def lower_inner(
    lowering: Lowering, path: str, shape: Shape, stride: int, block: Block
) -> None:
    """A block without its last convolution: all that does not know how wide its result is."""
    if block == IDENTITY:
        return
    middle = block.middle(shape[1])
    if block.expansion != 1:
        shape = lowering.conv(f"{path}.expand", shape, middle, act=block.act, bias=0)
    names = [f"{path}.depthwise"]
    if block.splits > 1:
        names = [f"{path}.depthwise.{index}" for index in range(block.splits)]
    maps = [
        lowering.conv(name, shape, middle, kernel=block.kernel, stride=stride, groups=middle,
                      act=block.act, bias=0)
        for name in names
    ]
    if block.splits:
        _lower_attention(lowering, f"{path}.attention", maps)


def lower_projection(
    lowering: Lowering, path: str, shape: Shape, layer: Layer, block: Block
) -> None:
    """The convolution that ends a block, or that stands for no block between different shapes."""
    if block != IDENTITY:
        batch, inputs, height, width = shape
        middle = (batch, block.middle(inputs), _strided(height, layer.stride),
                  _strided(width, layer.stride))
        lowering.conv(f"{path}.project", middle, layer.outputs, residual=int(layer.keeps_shape),
                      bias=0)
    elif not layer.keeps_shape:
        lowering.conv(f"{path}.project", shape, layer.outputs, stride=layer.stride, bias=0)


def _lower_attention(lowering: Lowering, path: str, maps: list[Shape]) -> None:
    """See `supernet.layers.split_attention`."""
    if len(maps) > 1:
        lowering.add(f"{path}.join", Operator.make("elementwise", *maps, fn="add"))
    pooled = lowering.add(f"{path}.pool", Operator.make("global_avg_pool", maps[0]))
    channels = pooled[1]
    squeezed = lowering.conv(f"{path}.squeeze", pooled, squeezed_width(channels), act="relu")
    logits = lowering.conv(f"{path}.excite", squeezed, len(maps) * channels)
    lowering.add(path, Operator.make("split_attention", *maps, logits))


def shape_at(
    config: ChainFrame, channels: int, strides: Iterable[int], batch: int
) -> Shape:
    """Shape behind layers of these strides."""
    height, width = (_strided(n, config.stem_stride) for n in (config.height, config.width))
    for stride in strides:
        height, width = _strided(height, stride), _strided(width, stride)
    return batch, channels, height, width


def _strided(length: int, stride: int) -> int:
    return -(-length // stride)
