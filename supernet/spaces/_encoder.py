"""MBConv encoders of the FlowNAS space: stand-alone and weight-sharing."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from supernet.layers.choice import EncoderChoice
from supernet.layers.elastic import ElasticMBConv, copy_conv
from supernet.layers.mbconv import MBConv
from supernet.layers.norm import make_norm
from supernet.spaces._config import FlowNASConfig

TAP_CELLS = (1, 3, 5)
"""Cells whose ends are distilled (taps 1, 2, 3); tap 0 is the stem, tap 4 the output."""


class MBConvEncoder(nn.Module):
    """The encoder of one architecture."""

    def __init__(
        self, config: FlowNASConfig, choice: EncoderChoice, outputs: int, norm: str
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, config.stem, 7, stride=2, padding=3)
        self.norm = make_norm(norm, config.stem, relu=True)
        cells = _cells(config, choice, MBConv, norm)
        self.cells = nn.ModuleList(nn.Sequential(*blocks) for blocks in cells)
        self.last = nn.Conv2d(choice[-1].width, outputs, 1, bias=False)

    def taps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features after the stem, cells 2, 4, 6, and the last convolution."""
        x = self.norm(self.stem(x))
        found = [x]
        for index, cell in enumerate(self.cells):
            x = cell(x)
            if index in TAP_CELLS:
                found.append(x)
        found.append(self.last(x))
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, outputs, H / 8, W / 8)."""
        return self.taps(x)[-1]


class ElasticEncoder(nn.Module):
    """The encoder with weights for every architecture; `choice` says which one runs."""

    def __init__(self, config: FlowNASConfig, outputs: int, norm: str) -> None:
        super().__init__()
        self.choice = config.largest
        self.stem = nn.Conv2d(3, config.stem, 7, stride=2, padding=3)
        self.norm = make_norm(norm, config.stem, relu=True)
        cells = _cells(config, config.largest, ElasticMBConv, norm)
        self.cells = nn.ModuleList(nn.ModuleList(blocks) for blocks in cells)
        self.last = nn.Conv2d(config.largest[-1].width, outputs, 1, bias=False)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if isinstance(module, ElasticMBConv) and isinstance(module.norm3, nn.BatchNorm2d):
                # A residual block starts as its shortcut.
                nn.init.zeros_(module.norm3.weight)

    def taps(
        self, x: torch.Tensor, choice: EncoderChoice | None = None
    ) -> list[torch.Tensor]:
        """Features of a choice (None: the current one); see `MBConvEncoder.taps`."""
        chosen = self.choice if choice is None else choice
        x = self.norm(self.stem(x))
        found = [x]
        for index, (blocks, cell) in enumerate(zip(self.cells, chosen, strict=True)):
            for block in list(cast(nn.ModuleList, blocks))[: cell.depth]:
                x = block(x, cell.width, cell.kernel, cell.expansion)
            if index in TAP_CELLS:
                found.append(x)
        found.append(F.conv2d(x, self.last.weight[:, : x.shape[1]]))
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, outputs, H / 8, W / 8)."""
        return self.taps(x)[-1]

    def inherit(self, encoder: MBConvEncoder) -> None:
        """Copies the shared weights into a stand-alone encoder."""
        encoder.stem.load_state_dict(self.stem.state_dict())
        encoder.norm.load_state_dict(self.norm.state_dict())
        copy_conv(encoder.last, self.last)
        for own, shared in zip(encoder.cells, self.cells, strict=True):
            for block, elastic in zip(
                cast(nn.Sequential, own), cast(nn.ModuleList, shared), strict=False
            ):
                cast(ElasticMBConv, elastic).inherit(cast(MBConv, block))


def _cells(
    config: FlowNASConfig, choice: EncoderChoice, kind: type[MBConv | ElasticMBConv], norm: str
) -> list[list[MBConv | ElasticMBConv]]:
    """The blocks of each cell; the first of a cell has its stride."""
    cells, inputs = [], config.stem
    for cell, stride in zip(choice, config.strides, strict=True):
        blocks = []
        for index in range(cell.depth):
            blocks.append(kind(inputs, cell.width, stride if index == 0 else 1, cell.kernel,
                               cell.expansion, norm))
            inputs = cell.width
        cells.append(blocks)
    return cells
