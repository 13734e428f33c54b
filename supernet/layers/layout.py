"""Memory layouts: encoders run channels-last, where CPU convolutions are much faster."""

from __future__ import annotations

import torch


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """The same tensor (B, C, H, W) with channels innermost in memory."""
    return x.contiguous(memory_format=torch.channels_last)


def is_channels_last(x: torch.Tensor) -> bool:
    """Whether (B, C, H, W) lies channels-last in memory, and not also the common way."""
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
