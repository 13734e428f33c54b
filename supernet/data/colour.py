"""Flow as colour: hue is direction, saturation is speed (Baker et al., IJCV 2011)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Lengths of the wheel's segments: red-yellow, yellow-green, green-cyan, cyan-blue, blue-magenta,
# magenta-red.
_SEGMENTS = (15, 6, 4, 11, 13, 6)
_CORNERS = np.array(
    [[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255],
     [255, 0, 0]], np.float64,
)  # fmt: skip


def _wheel() -> npt.NDArray[np.float64]:
    parts = [
        np.linspace(_CORNERS[i], _CORNERS[i + 1], length, endpoint=False)
        for i, length in enumerate(_SEGMENTS)
    ]
    return np.concatenate(parts) / 255


def flow_colours(
    flow: npt.NDArray[np.float32], largest_px: float | None = None
) -> npt.NDArray[np.uint8]:
    """Colours of a flow field.

    Args:
        flow: (H, W, 2) in pixels.
        largest_px: speed of full saturation (None: the field's 99th percentile).

    Returns:
        (H, W, 3), 0..255.
    """
    speed = np.hypot(flow[..., 0], flow[..., 1])
    if largest_px is None:
        largest_px = float(np.percentile(speed, 99))
    radius = speed / max(largest_px, 1e-6)
    wheel = _wheel()
    angle = np.arctan2(-flow[..., 1], -flow[..., 0]) / np.pi
    place = (angle + 1) / 2 * (len(wheel) - 1)
    low = np.floor(place).astype(int)
    share = (place - low)[..., None]
    colour = (1 - share) * wheel[low] + share * wheel[(low + 1) % len(wheel)]
    inside = np.clip(radius, 0, 1)[..., None]
    colour = np.where(radius[..., None] <= 1, 1 - inside * (1 - colour), colour * 0.75)
    return np.asarray(np.round(255 * colour), np.uint8)
