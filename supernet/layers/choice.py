"""The choices that settle an MBConv encoder, and what must be equal wherever they are used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CellChoice:
    """Width, kernel, depth and expansion of one cell; all its blocks share them."""

    width: int
    kernel: int
    depth: int
    expansion: int


EncoderChoice = tuple[CellChoice, ...]


def make_divisible(value: float, divisor: int = 8) -> int:
    """Nearest multiple of ``divisor``, never below 90 % of ``value`` (MobileNet's rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def middle_width(inputs: int, expansion: int) -> int:
    """Channels between expansion and projection of an MBConv block."""
    return make_divisible(round(inputs * expansion))


def squeezed_width(channels: int) -> int:
    """Channels between both convolutions of an attention over channels: a quarter (our choice)."""
    return make_divisible(channels / 4)


def expanded_width(inputs: int, expansion: float) -> int:
    """Channels of the depthwise convolution of an inverted residual block, to the last one."""
    return round(inputs * expansion)
