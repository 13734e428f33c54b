"""Size and statistics of rendered pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from supernet.data.motion import MotionStatistics
from supernet.data.photometry import Photometry

# Trained weights depend on the renderer: a change of its statistics is a new name.
Renderer = Literal["layers", "scenes"]


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """Size and statistics of rendered pairs.

    Attributes:
        height: rows of a frame.
        width: columns of a frame.
        most_layers: largest number of layers before the background.
        motion: statistics of motion.
        photometry: lighting, blur and noise.
        version: the renderer, one of `supernet.data.render.RENDERERS`.
    """

    height: int = 128
    width: int = 160
    most_layers: int = 6
    motion: MotionStatistics = field(default_factory=MotionStatistics)
    photometry: Photometry = field(default_factory=Photometry)
    version: Renderer = "layers"
