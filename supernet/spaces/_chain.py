"""Chains of inverted residual blocks: sizes of their parts, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from supernet.layers.choice import expanded_width

_ACTS = {"relu6": "", "relu": "ReLU", "silu": "swish"}


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual block; expansion 0 is the identity, which costs nothing.

    Attributes:
        kernel: of the depthwise convolution.
        expansion: its channels over those that come in.
        act: activation behind its first convolutions: ``relu6``, ``relu``, ``silu`` (swish).
        splits: parallel depthwise convolutions that share an attention over channels; 1 is
            squeeze-excite, 0 means one convolution and no attention.
    """

    kernel: int
    expansion: float
    act: str = "relu6"
    splits: int = 0

    @property
    def label(self) -> str:
        """For people."""
        if self.expansion == 0:
            return "no block"
        attention = {0: "", 1: "squeeze-excite"}.get(self.splits, f"{self.splits} splits")
        parts = [f"{self.kernel}×{self.kernel}", f"expansion {self.expansion:g}",
                 _ACTS[self.act], attention]
        return ", ".join(filter(None, parts))

    def middle(self, inputs: int) -> int:
        """Channels of its depthwise convolution."""
        return expanded_width(inputs, self.expansion)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFrame:
    """What chains have around their layers.

    Attributes:
        stem: channels of the first 3x3 convolution.
        stem_stride: its stride.
        first: channels of a fixed block without expansion behind the stem (None: no such block).
        last: channels of the 1x1 convolution before the mean over pixels.
        classes: outputs.
        height: rows of the input.
        width: columns of the input.
        act: activation of the first and the last convolution.
    """

    stem: int
    stem_stride: int
    first: int | None = None
    last: int
    classes: int
    height: int
    width: int
    act: str = "relu6"

    @property
    def enters(self) -> int:
        """Channels that come into the first layer."""
        return self.stem if self.first is None else self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig(ChainFrame):
    """A chain whose layers have fixed widths; see `ChainFrame`.

    Attributes:
        stages: channels, layers and stride of the first layer, of each stage.
        blocks: what a layer can be, by the value of its decision.
        projects: whether the identity of a layer that changes the shape is a bare 1x1 convolution
            (False: such a layer has no identity).
    """

    stages: tuple[tuple[int, int, int], ...]
    blocks: tuple[Block, ...]
    projects: bool = False

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The places of the chain, in order."""
        found, inputs = [], self.enters
        for outputs, count, stride in self.stages:
            for index in range(count):
                found.append(Layer(inputs, outputs, stride if index == 0 else 1))
                inputs = outputs
        return tuple(found)
