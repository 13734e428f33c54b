"""Sizes of RAFT: its head and its residual encoder (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """Sizes of correlation, update block and upsampler.

    Attributes:
        features: channels of the feature encoder's output.
        hidden: channels of the recurrent state.
        context: channels of the context given to every iteration.
        levels: levels of the correlation pyramid.
        radius: look-up radius in pixels of each level.
        corr_channels: widths of the convolutions on the looked-up correlation.
        flow_channels: widths of the two convolutions on the flow.
        motion: channels of the motion features, the flow's own 2 included.
        separable: two GRUs with 1x5 and 5x1 kernels (RAFT) or one with 3x3 (RAFT-small).
        flow_head: hidden channels of the flow head.
        mask_head: hidden channels of the upsampling mask head; 0 upsamples bilinearly.
    """

    features: int = 256
    hidden: int = 128
    context: int = 128
    levels: int = 4
    radius: int = 4
    corr_channels: tuple[int, ...] = (256, 192)
    flow_channels: tuple[int, int] = (128, 64)
    motion: int = 128
    separable: bool = True
    flow_head: int = 256
    mask_head: int = 256

    @property
    def corr_planes(self) -> int:
        """Channels of a correlation look-up."""
        return int(self.levels * (2 * self.radius + 1) ** 2)


FULL_HEAD = HeadConfig()
"""RAFT (Teed and Deng, ECCV 2020)."""

SMALL_HEAD = HeadConfig(
    features=96, hidden=64, context=48, levels=2, radius=3, corr_channels=(64,),
    flow_channels=(32, 16), motion=56, separable=False, flow_head=64, mask_head=64,
)
"""A RAFT-small-like head for CPUs; our design.

RAFT-small upsamples bilinearly and has four levels. Two levels reach 48 px around the current
target in each iteration; coarser ones lie mostly outside the small frames of a CPU training, and
what they hold on larger frames misleads the recurrent unit (docs/decisions).
"""

RAFT_SMALL_HEAD = HeadConfig(
    features=128, hidden=96, context=64, radius=3, corr_channels=(96,), flow_channels=(64, 32),
    motion=82, separable=False, flow_head=128, mask_head=0,
)
"""RAFT-small as published."""

UPSAMPLE = 8
"""Encoders work at 1/8 resolution."""


@dataclass(frozen=True, slots=True)
class ResidualConfig:
    """Widths of the stem and the three stages (two residual blocks each).

    ``bottleneck``: blocks of three convolutions, the middle one of a quarter of the width.
    """

    stem: int = 64
    stages: tuple[int, int, int] = (64, 96, 128)
    bottleneck: bool = False


RAFT_ENCODER = ResidualConfig()
RAFT_SMALL_ENCODER = ResidualConfig(stem=32, stages=(32, 64, 96), bottleneck=True)
SMALL_ENCODER = ResidualConfig(stem=48, stages=(48, 72, 96))
