"""Rendered pairs under a name: ``rendered:200`` are 200 held-out pairs, the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import torch

from luts.errors import UserError
from supernet.data.pairs import FlowPair
from supernet.data.render import RenderSettings, render_batch

DEFAULT_COUNT = 200
MOST = 100_000
# Searches choose by other held-out pairs (`supernet.training.data.validation_batch`).
_SEED = (1 << 40) + (1 << 20)


def rendered_count(name: str) -> int | None:
    """How many pairs a name such as ``rendered:200`` stands for; None if it is another name.

    Raises:
        UserError: the number is none.
    """
    if name != "rendered" and not name.startswith("rendered:"):
        return None
    text = name.partition(":")[2] or str(DEFAULT_COUNT)
    if not re.fullmatch(r"\d{1,6}", text) or not 0 < int(text) <= MOST:
        raise UserError(
            f"'{name}': the number of rendered pairs is 1 to {MOST}, as in rendered:200"
        )
    return int(text)


def rendered_pairs(
    photos: Sequence[torch.Tensor], settings: RenderSettings, count: int
) -> Iterator[FlowPair]:
    """Renders held-out pairs, one after the other; the first of more are the same as of fewer."""
    for index in range(count):
        one = render_batch(photos, settings, 1, _SEED + index)
        yield FlowPair(f"{index:05}", one.frame1, one.frame2, one.flow, one.valid)
