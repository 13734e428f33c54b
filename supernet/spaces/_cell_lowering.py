"""Operators of networks of cells, placed at the paths of their modules.

Norms are folded into the convolution before them; a ReLU belongs to the convolution behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luts.operator import Operator, PlacedOperator
from supernet.spaces._cell import INPUTS, OPERATIONS, REDUCTION, CellConfig, Input, Place
from supernet.spaces._lowering import Lowering

Shape = tuple[int, ...]


def lower_stem(config: CellConfig, batch: int) -> list[PlacedOperator]:
    """Everything before the first cell."""
    lowering = Lowering()
    shape = lowering.add("input", Operator.make("scale", (batch, 3, config.height, config.width)))
    lowering.conv("stem", shape, config.stem, kernel=3, stride=config.stem_stride, bias=0)
    return lowering.placed


def lower_entry(config: CellConfig, cell: int, number: int, batch: int) -> list[PlacedOperator]:
    """What brings an input of a cell to its width and size: 0 the cell before the last, 1 it."""
    lowering, place = Lowering(), config.places[cell]
    path = f"cells.{cell}.pre{number}"
    if number == 0 and place.shrunk:
        _reduce(lowering, path, (batch, place.before, 2 * place.height, 2 * place.width),
                place.channels)
    else:
        shape = (batch, (place.before, place.last)[number], place.height, place.width)
        _conv(lowering, f"{path}.conv", shape, place.channels, pre="relu")
    return lowering.placed


def lower_input(
    config: CellConfig, cell: int, node: int, number: int, chosen: Input, batch: int
) -> list[PlacedOperator]:
    """One input of a node; see `supernet.layers.cells`."""
    lowering, place = Lowering(), config.places[cell]
    stride, operation = place.stride(chosen.origin), OPERATIONS[chosen.operation]
    path = f"cells.{cell}.nodes.{node}.inputs.{number}"
    outside = (batch, place.channels, place.height, place.width)
    shape = outside if chosen.origin < INPUTS else _state(place, batch)
    k, C = operation.kernel, place.channels
    if operation.kind == "identity":
        if stride > 1:
            _reduce(lowering, path, shape, C)
    elif operation.kind.endswith("_pool"):
        lowering.add(f"{path}.pool", Operator.make(operation.kind, shape, kernel=k, stride=stride,
                                                   padding=k // 2))
    elif operation.kind == "dilated":
        shape = _conv(lowering, f"{path}.depthwise1", shape, C, kernel=k, stride=stride, groups=C,
                      dilation=2, padding=k - 1, pre="relu")
        _conv(lowering, f"{path}.pointwise1", shape, C)
    else:
        shape = _conv(lowering, f"{path}.depthwise1", shape, C, kernel=k, stride=stride, groups=C,
                      pre="relu")
        shape = _conv(lowering, f"{path}.pointwise1", shape, C, act="relu")
        shape = _conv(lowering, f"{path}.depthwise2", shape, C, kernel=k, groups=C)
        _conv(lowering, f"{path}.pointwise2", shape, C)
    return lowering.placed


def lower_sum(config: CellConfig, cell: int, node: int, batch: int) -> list[PlacedOperator]:
    """The addition that makes a node of its inputs."""
    shape = _state(config.places[cell], batch)
    added = Operator.make("add", shape, shape, act="none")
    return [PlacedOperator(f"cells.{cell}.nodes.{node}", added)]


def lower_join(config: CellConfig, cell: int, batch: int) -> list[PlacedOperator]:
    """The cell's output, all nodes side by side."""
    shape = _state(config.places[cell], batch)
    lowering = Lowering()
    _join(lowering, f"cells.{cell}.join", [shape] * config.nodes)
    return lowering.placed


def lower_head(config: CellConfig, batch: int) -> list[PlacedOperator]:
    """Everything behind the last cell."""
    lowering = Lowering()
    place = config.places[-1]
    shape = _state(place, batch)
    channels = config.nodes * place.channels
    lowering.add("pool", Operator.make("global_avg_pool", (shape[0], channels, *shape[2:])))
    lowering.add("classifier", Operator.make("linear", (batch, channels), out=config.classes))
    return lowering.placed


def _state(place: Place, batch: int) -> Shape:
    """Shape of a node."""
    halved = 2 if place.kind == REDUCTION else 1
    return batch, place.channels, place.height // halved, place.width // halved


def _conv(
    lowering: Lowering, path: str, shape: Shape, out: int, *, kernel: int = 1, stride: int = 1,
    groups: int = 1, act: str = "none", **more: Any,
) -> Shape:
    """A convolution; ``pre`` is the activation in front of it, which belongs to it."""
    return lowering.add(path, Operator.make(
        "conv", shape, out=out, kernel=(kernel, kernel), stride=stride, groups=groups, act=act,
        residual=0, bias=0, **more,
    ))


def _reduce(lowering: Lowering, path: str, shape: Shape, out: int) -> None:
    """Two convolutions of stride 2, the second of the image moved by one pixel."""
    half = out // 2
    halves = [
        _conv(lowering, f"{path}.first", shape, half, stride=2, pre="relu"),
        _conv(lowering, f"{path}.second", shape, out - half, stride=2, pre="relu", shift=1),
    ]
    _join(lowering, f"{path}.join", halves)


def _join(lowering: Lowering, path: str, shapes: Sequence[Shape]) -> None:
    out = sum(shape[1] for shape in shapes)
    lowering.add(path, Operator.make("concat", *shapes, out=out))
