"""Light and camera: motion blur, focus, exposure, changes between frames, noise, bytes."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from supernet.data.photometry import Photometry
from supernet.data.scenes.draws import Draws, pixel_grid, sample

_MOTION_BLURRED = 0.15
_LONGEST_EXPOSURE = 0.5  # of the time between frames
_BLUR_SAMPLES = 5
_CHANGED = 0.35


def exposed(
    draws: Draws, frame1: torch.Tensor, frame2: torch.Tensor, flow1: torch.Tensor,
    flow2: torch.Tensor, photometry: Photometry,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a camera makes of two frames.

    Args:
        draws: random numbers.
        frame1: (B, 3, H, W) in 0..1.
        frame2: (B, 3, H, W) in 0..1.
        flow1: (B, 2, H, W), motion of what frame 1 shows.
        flow2: (B, 2, H, W), motion of what frame 2 shows.
        photometry: strengths.

    Returns:
        Both frames in 0..255, whole numbers.
    """
    frame1, frame2 = _motion_blurred(draws, frame1, frame2, flow1, flow2)
    both = torch.stack([frame1, frame2], 1)
    count, _, _, height, width = both.shape
    sigma_px = draws.uniform(-3, 1, count) * photometry.blur_px
    soft = sigma_px > 0.2
    if soft.any():
        both[soft] = _focused(both[soft], sigma_px[soft])

    def each(low: float, high: float) -> torch.Tensor:
        return draws.uniform(low, high, count, 1, 1, 1, 1)

    # Cameras sharpen; what was sampled between pixels is softer than their pictures.
    planes = both.flatten(0, 1)
    softer = F.avg_pool2d(F.pad(planes, (1, 1, 1, 1), mode="replicate"), 3, 1).view_as(both)
    both = both + (photometry.sharpening * each(-0.5, 1)).clamp_min(0) * (both - softer)
    both = both.clamp(1e-4, 1) ** (photometry.brightness * each(-1, 1)).exp()
    # The exposure brings scenes near a middle brightness: black and white show no motion.
    wanted = 0.45 * (photometry.brightness * each(-1, 1)).exp()
    gain = (wanted / both.mean((1, 2, 3, 4), keepdim=True)).clamp(0.6, 1.7)
    if photometry.brightness > 0:
        both = both * gain
        middle = both.mean((1, 2, 3, 4), keepdim=True)
        both = middle + each(0.5, 1) * (both - middle)
    tint = 1 + photometry.difference * draws.uniform(-1, 1, count, 3, 1, 1)
    shade = draws.fractal(
        count, 1, height, width, draws.uniform(0.1, 0.2, count), octaves=3
    ).clamp(-2, 2) / 2
    depth = draws.uniform(0, 1, count, 1, 1, 1) ** 2 * photometry.shadow
    changed = (draws.chance(_CHANGED, count)).view(-1, 1, 1, 1)
    both[:, 1] = torch.where(changed, both[:, 1] * tint * (1 + depth * shade), both[:, 1])
    sigma = each(0, 1) ** 4 * photometry.noise
    both = ((both + sigma * draws.pixel_noise(both)).clamp(0, 1) * 255).round()
    return both[:, 0], both[:, 1]


def _motion_blurred(
    draws: Draws, frame1: torch.Tensor, frame2: torch.Tensor, flow1: torch.Tensor,
    flow2: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = draws.chance(_MOTION_BLURRED, len(frame1))
    number = int(chosen.sum())
    if not number:
        return frame1, frame2
    exposure = draws.uniform(0, _LONGEST_EXPOSURE, number, 1, 1, 1)
    grid = pixel_grid(frame1.shape[2], frame1.shape[3], draws.device)[None]
    found = []
    for frame, flow in ((frame1, flow1), (frame2, flow2)):
        part, reach, result = frame[chosen], exposure * flow[chosen], frame.clone()
        times = torch.linspace(-0.5, 0.5, _BLUR_SAMPLES).tolist()
        blurred = torch.stack([sample(part, grid + time * reach) for time in times]).mean(0)
        result[chosen] = blurred
        found.append(result)
    return found[0], found[1]


def _focused(both: torch.Tensor, sigma_px: torch.Tensor) -> torch.Tensor:
    """Gaussian blur of each pair's frames (B, 2, 3, H, W) by its own amount."""
    count, frames, channels, height, width = both.shape
    place = torch.arange(-2, 3, device=both.device, dtype=both.dtype)
    taps = torch.exp(-0.5 * (place / sigma_px[:, None]) ** 2)
    taps = taps / taps.sum(1, keepdim=True)
    # Each pair is a group of one convolution.
    planes = frames * channels
    held = both.reshape(1, count * planes, height, width)
    kernel = taps.repeat_interleave(planes, 0)
    held = F.pad(held, (2, 2, 2, 2), mode="reflect")
    held = F.conv2d(held, kernel[:, None, None, :], groups=count * planes)
    held = F.conv2d(held, kernel[:, None, :, None], groups=count * planes)
    return held.view_as(both)
