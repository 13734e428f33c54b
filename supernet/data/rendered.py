"""Rendered pairs under a name: ``rendered:200`` are 200 held-out pairs, the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import torch

from luts.errors import UserError
from supernet.data.pairs import FlowPair
from supernet.data.render import RenderSettings, render_batch
from supernet.data.render_settings import Renderer

DEFAULT_COUNT = 200
MOST = 100_000
# Searches choose by other held-out pairs (`supernet.training.data.validation_batch`).
_SEED = (1 << 40) + (1 << 20)


def rendered_name(name: str, renderer: Renderer) -> tuple[Renderer, int] | None:
    """What a name such as ``rendered:200`` or ``scenes:50`` stands for.

    Args:
        name: a renderer, or ``rendered``, and a number of pairs; or a folder.
        renderer: that ``rendered`` means.

    Returns:
        Renderer and number of pairs; None if it is no such name.

    Raises:
        UserError: the number is none.
    """
    kind, _, text = name.partition(":")
    known: dict[str, Renderer] = {"rendered": renderer, "layers": "layers", "scenes": "scenes"}
    if kind not in known or (kind != "rendered" and not text):
        return None
    text = text or str(DEFAULT_COUNT)
    if not re.fullmatch(r"\d{1,6}", text) or not 0 < int(text) <= MOST:
        raise UserError(
            f"'{name}': the number of rendered pairs is 1 to {MOST}, as in rendered:200"
        )
    return known[kind], int(text)


def rendered_pairs(
    photos: Sequence[torch.Tensor], settings: RenderSettings, count: int
) -> Iterator[FlowPair]:
    """Renders held-out pairs, one after the other; the first of more are the same as of fewer."""
    for index in range(count):
        one = render_batch(photos, settings, 1, _SEED + index)
        yield FlowPair(f"{index:05}", one.frame1, one.frame2, one.flow, one.valid)
