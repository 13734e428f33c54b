"""What a training step takes; here pairs of frames with ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import torch


class Batch(Protocol):
    """Examples of any task, as tensors that can be sent to other processes and devices."""

    def to(self, device: torch.device) -> Self:
        """The same examples on a device."""
        ...


@dataclass(slots=True)
class FlowBatch:
    """Pairs of frames with ground truth.

    Attributes:
        frame1: (B, 3, H, W), 0..255.
        frame2: (B, 3, H, W), 0..255.
        flow: (B, 2, H, W), pixels from frame 1 to frame 2.
        valid: (B, H, W), 1 where the flow is known.
    """

    frame1: torch.Tensor
    frame2: torch.Tensor
    flow: torch.Tensor
    valid: torch.Tensor

    def parts(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Frames, flow, valid."""
        return self.frame1, self.frame2, self.flow, self.valid

    def to(self, device: torch.device) -> FlowBatch:
        """The same pairs on a device."""
        return FlowBatch(*(part.to(device, non_blocking=True) for part in self.parts()))
