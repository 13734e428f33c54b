"""All-pairs correlation and its look-up (RAFT, section 3.2)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class CorrelationPyramid(nn.Module):
    """Dot products of all pairs of feature vectors, pooled over the second frame."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, features1: torch.Tensor, features2: torch.Tensor) -> list[torch.Tensor]:
        """Builds the pyramid.

        Args:
            features1: (B, C, h, w) of frame 1.
            features2: (B, C, h, w) of frame 2.

        Returns:
            One tensor a level, (B h w, 1, h / 2^i, w / 2^i).
        """
        B, C, h, w = features1.shape
        left, right = features1.flatten(2).transpose(1, 2), features2.flatten(2)
        if left.dtype == torch.float16:  # whose largest number such sums exceed
            with torch.autocast(left.device.type, enabled=False):
                volume = torch.matmul(left.float(), right.float()) / C**0.5
        else:
            volume = torch.matmul(left, right) / C**0.5
        level = volume.reshape(B * h * w, 1, h, w).float()
        pyramid = [level]
        for _ in range(self.levels - 1):
            level = F.avg_pool2d(level, 2, stride=2)
            pyramid.append(level)
        return pyramid


class CorrelationLookup(nn.Module):
    """Reads a (2 r + 1)² window of every level around the current target of each pixel.

    Attributes:
        free_sizes: whether a tracer shall keep sizes as values of the graph, not as constants.
    """

    def __init__(self, radius: int) -> None:
        super().__init__()
        self.radius = radius
        self.free_sizes = False
        steps = torch.linspace(-radius, radius, 2 * radius + 1)
        # RAFT's order: the first axis of the window moves along x.
        dx, dy = torch.meshgrid(steps, steps, indexing="ij")
        self.register_buffer("window", torch.stack([dx, dy], -1).flatten(), persistent=False)
        self.window: torch.Tensor

    def forward(self, pyramid: list[torch.Tensor], coords: torch.Tensor) -> torch.Tensor:
        """Samples the pyramid bilinearly, zero outside.

        Args:
            pyramid: from `CorrelationPyramid`.
            coords: (B, 2, h, w) positions x, y in frame 2 at 1/8 resolution.

        Returns:
            (B, levels (2 r + 1)², h, w).
        """
        B, _, h, w = coords.shape
        centre = coords.flatten(2).transpose(1, 2).reshape(B * h * w, 2)
        # Positions need all their bits: autocast would round them to half precision.
        with torch.autocast(coords.device.type, enabled=False):
            found = [
                self._read(volume, centre / 2**level) for level, volume in enumerate(pyramid)
            ]
        return torch.cat([part.view(B, h, w, -1) for part in found], -1).permute(0, 3, 1, 2)

    def _read(self, volume: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
        """Windows (B h w, 1, 2 r + 1, 2 r + 1) of one level around centres (B h w, 2)."""
        width = 2 * self.radius + 1
        if self.free_sizes:
            sides = torch._shape_as_tensor(volume)[2:].flip(0).to(centre.dtype)
        else:
            sides = torch.tensor([volume.shape[3], volume.shape[2]], device=centre.device)
        unit = (2 / (sides - 1).clamp_min(1)).repeat(width**2)
        # All positions in grid_sample's units, as one product with a constant matrix:
        # broadcasting over axes of length 2 is slow in every runtime.
        spread = torch.eye(2, device=centre.device).repeat(1, width**2) * unit
        grid = torch.addmm(self.window * unit - 1, centre, spread).view(-1, width, width, 2)
        return F.grid_sample(volume, grid, align_corners=True)
