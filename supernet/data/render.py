"""Rendered flow pairs with exact ground truth, by the renderer that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from luts.errors import UnknownNameError
from supernet.data.batch import FlowBatch
from supernet.data.layers import render_layers
from supernet.data.render_settings import Renderer, RenderSettings
from supernet.data.scenes import render_scenes

__all__ = ["RENDERERS", "FlowBatch", "RenderSettings", "render_batch"]


class _Render(Protocol):
    def __call__(
        self, photos: Sequence[torch.Tensor], settings: RenderSettings, count: int, seed: int,
        device: torch.device,
    ) -> FlowBatch: ...


RENDERERS: dict[Renderer, _Render] = {"layers": render_layers, "scenes": render_scenes}


def render_batch(
    photos: Sequence[torch.Tensor], settings: RenderSettings, count: int, seed: int,
    device: torch.device | None = None,
) -> FlowBatch:
    """Renders ``count`` pairs; the seed settles every pixel.

    Args:
        photos: textures, each (3, H, W) in 0..1.
        settings: size, statistics, and which renderer.
        count: pairs.
        seed: of everything that is drawn.
        device: where the pairs are to be (None: CPU). ``scenes`` computes there, ``layers`` on
            the CPU.

    Raises:
        UnknownNameError: no such renderer.
    """
    if settings.version not in RENDERERS:
        raise UnknownNameError("renderer", settings.version, RENDERERS)
    place = device or torch.device("cpu")
    return RENDERERS[settings.version](photos, settings, count, seed, place)
