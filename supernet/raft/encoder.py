"""RAFT's residual encoder: the baseline that a search must beat, and the teacher."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from supernet.layers.norm import make_norm
from supernet.raft.config import ResidualConfig


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with norms, and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.norm1 = make_norm(norm, outputs, relu=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm2 = make_norm(norm, outputs, relu=True)
        self.shortcut: nn.Conv2d | None = None
        if stride > 1:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride)
            self.norm3 = make_norm(norm, outputs, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y = self.norm1(self.conv1(x))
        y = self.norm2(self.conv2(y))
        if self.shortcut is not None:
            x = self.norm3(self.shortcut(x))
        return F.relu(y + x)


class BottleneckBlock(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with norms, and a shortcut (RAFT-small)."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str) -> None:
        super().__init__()
        middle = outputs // 4
        self.conv1 = nn.Conv2d(inputs, middle, 1)
        self.norm1 = make_norm(norm, middle, relu=True)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride=stride, padding=1)
        self.norm2 = make_norm(norm, middle, relu=True)
        self.conv3 = nn.Conv2d(middle, outputs, 1)
        self.norm3 = make_norm(norm, outputs, relu=True)
        self.shortcut: nn.Conv2d | None = None
        if stride > 1:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride)
            self.norm4 = make_norm(norm, outputs, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y = self.norm1(self.conv1(x))
        y = self.norm2(self.conv2(y))
        y = self.norm3(self.conv3(y))
        if self.shortcut is not None:
            x = self.norm4(self.shortcut(x))
        return F.relu(y + x)


class ResidualEncoder(nn.Module):
    """RAFT's BasicEncoder or SmallEncoder; `taps` gives the features that distillation compares."""

    def __init__(self, config: ResidualConfig, outputs: int, norm: str) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, config.stem, 7, stride=2, padding=3)
        self.norm = make_norm(norm, config.stem, relu=True)
        stages = []
        inputs = config.stem
        block = BottleneckBlock if config.bottleneck else ResidualBlock
        for index, width in enumerate(config.stages):
            stride = 1 if index == 0 else 2
            stages.append(
                nn.Sequential(
                    block(inputs, width, stride, norm), block(width, width, 1, norm),
                )
            )
            inputs = width
        self.stages = nn.ModuleList(stages)
        self.last = nn.Conv2d(inputs, outputs, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def taps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features after the stem, each stage, and the last convolution."""
        x = self.norm(self.stem(x))
        found = [x]
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        found.append(self.last(x))
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, outputs, H / 8, W / 8)."""
        return self.taps(x)[-1]
