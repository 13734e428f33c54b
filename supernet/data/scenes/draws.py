"""Random numbers of scenes: drawn on the CPU, so that every device shows the same scenes."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

# Octaves with more cells than this across are interpolated the quick way.
_FINE_CELLS = 24


class Draws:
    """Draws for a batch.

    Args:
        seed: settles all of them.
        device: where the numbers are needed.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device = device
        self.generator = torch.Generator().manual_seed(seed)
        # Noise of single pixels is drawn where it is needed: it is as large as the frames.
        self._pixels = torch.Generator(device).manual_seed(self.integer(2**31))

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Uniform numbers."""
        drawn = torch.rand(shape, generator=self.generator)
        return (low + (high - low) * drawn).to(self.device)

    def log_uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Numbers whose logarithm is uniform."""
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers."""
        return torch.randn(shape, generator=self.generator).to(self.device)

    def chance(self, probability: float, *shape: int) -> torch.Tensor:
        """True with a probability."""
        return (torch.rand(shape, generator=self.generator) < probability).to(self.device)

    def integer(self, high: int) -> int:
        """One integer in ``[0, high)``."""
        return int(torch.randint(high, (), generator=self.generator))

    def direction(self, count: int) -> torch.Tensor:
        """Vectors (count, 2) of about unit length; cameras pan more than they tilt."""
        angle = self.uniform(0, 2 * math.pi, count)
        return torch.stack([angle.cos(), 0.6 * angle.sin()], 1)

    def pixel_noise(self, like: torch.Tensor) -> torch.Tensor:
        """Standard normal numbers of a tensor's shape."""
        return torch.randn(like.shape, generator=self._pixels, device=self.device)

    def fractal(
        self, count: int, channels: int, height: int, width: int, roughness: torch.Tensor,
        *, octaves: int = 8,
    ) -> torch.Tensor:
        """Octaves of smoothed noise, (count, channels, H, W), standardised image by image.

        Args:
            count: images.
            channels: of each.
            height: rows.
            width: columns.
            roughness: (count,), weight of an octave relative to the one before.
            octaves: at most this many, coarsest first; they end at cells of 2 px.
        """
        total = torch.zeros(count, channels, height, width, device=self.device)
        cells, gain = 3, torch.ones(count, 1, 1, 1, device=self.device)
        for _ in range(octaves):
            rows, cols = (max(2, cells * side // max(height, width)) for side in (height, width))
            grid = self.normal(count, channels, rows, cols)
            mode = "bicubic" if cells < _FINE_CELLS else "bilinear"
            total += gain * F.interpolate(grid, (height, width), mode=mode, align_corners=True)
            cells, gain = 2 * cells, gain * roughness.view(-1, 1, 1, 1)
            if 2 * cells > max(height, width):
                break
        spread = total.flatten(1).std(1).clamp_min(1e-6).view(-1, 1, 1, 1)
        return (total - total.mean((1, 2, 3), keepdim=True)) / spread


def pixel_grid(height: int, width: int, device: torch.device) -> torch.Tensor:
    """Coordinates x, y of every pixel, (2, H, W)."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32, device=device),
        torch.arange(width, dtype=torch.float32, device=device), indexing="ij",
    )
    return torch.stack([x, y])


def sample(images: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Bilinear samples of images (B, C, h, w) at pixels (B or 1, 2, H, W), reflected outside."""
    size = torch.tensor([images.shape[3], images.shape[2]], device=images.device)
    normal = (2 * points.permute(0, 2, 3, 1) + 1) / size - 1
    normal = normal.expand(len(images), -1, -1, -1)
    return F.grid_sample(
        images, normal, mode="bilinear", padding_mode="reflection", align_corners=False
    )
