"""Operators of the two encoders of a FlowNAS network, and of the baseline's.

fnet has instance norms and sees both frames, cnet has batch norms and sees the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from luts.operator import Operator, PlacedOperator
from luts.space import Choice, Factor
from supernet.layers.choice import CellChoice
from supernet.raft.config import UPSAMPLE, HeadConfig, ResidualConfig
from supernet.spaces._config import FlowNASConfig
from supernet.spaces._lowering import Lowering

_SCALES = (2, 2, 4, 4, 8, 8)


@dataclass(frozen=True, slots=True)
class Encoders:
    """Lowers both encoders.

    Attributes:
        head: what they deliver to.
        height: rows of the frames.
        width: columns of them.
        batch: pairs of frames per inference.
    """

    head: HeadConfig
    height: int
    width: int
    batch: int

    def outputs(self, net: str) -> int:
        """Channels that an encoder delivers to the head."""
        return self.head.features if net == "fnet" else self.head.hidden + self.head.context

    def inputs(self) -> PlacedOperator:
        """What is done to the frames before both."""
        frames = (2 * self.batch, 3, self.height, self.width)
        return PlacedOperator("input", Operator.make("scale", frames))

    def factor(
        self, config: FlowNASConfig, factor: Factor, choices: Sequence[Choice]
    ) -> list[Lowering]:
        """Both encoders' part of a factor: their stem, a cell, or the last convolution."""
        found = []
        for net, lowering, images in self._both():
            if factor.name == "stem":
                self._stem(lowering, net, images, config.stem)
            elif factor.name == "last":
                shape = (images, choices[0], self.height // UPSAMPLE, self.width // UPSAMPLE)
                lowering.conv(f"{net}.last", shape, self.outputs(net), bias=0)
            else:
                index = int(factor.name.removeprefix("cell")) - 1
                inputs = choices[0] if index > 0 else config.stem
                stride = config.strides[index]
                self._cell(lowering, f"{net}.cells.{index}", images, inputs,
                           CellChoice(*choices[-4:]), stride, _SCALES[index] // stride)
            found.append(lowering)
        return found

    def reference(self, config: ResidualConfig) -> list[Lowering]:
        """Both encoders of the baseline."""
        found = []
        for net, lowering, images in self._both():
            shape = self._stem(lowering, net, images, config.stem)
            for stage, width in enumerate(config.stages):
                for block in range(2):
                    stride = 2 if stage > 0 and block == 0 else 1
                    path = f"{net}.stages.{stage}.{block}"
                    shape = lowering.residual(path, shape, width, stride)
            lowering.conv(f"{net}.last", shape, self.outputs(net))
            found.append(lowering)
        return found

    def _both(self) -> Iterator[tuple[str, Lowering, int]]:
        for net, norm, images in (("fnet", "instance", 2), ("cnet", "batch", 1)):
            yield net, Lowering(norm), images * self.batch

    def _stem(self, lowering: Lowering, net: str, images: int, out: int) -> tuple[int, ...]:
        return lowering.conv_norm(f"{net}.stem", f"{net}.norm",
                                  (images, 3, self.height, self.width), out, kernel=7, stride=2,
                                  act="relu", bias=1)

    def _cell(
        self, lowering: Lowering, path: str, images: int, inputs: int, cell: CellChoice,
        stride: int, scale: int,
    ) -> None:
        shape: tuple[int, ...] = (images, inputs, self.height // scale, self.width // scale)
        for block in range(cell.depth):
            shape = lowering.mbconv(f"{path}.{block}", shape, cell, stride if block == 0 else 1)
