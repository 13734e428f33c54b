"""Batches for training: rendered ahead by worker processes, settled by seed and step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from luts.errors import UserError
from supernet.data.motion import MotionStatistics
from supernet.data.render import FlowBatch, RenderSettings, render_batch
from supernet.processes import own_part
from supernet.training.settings import TrainingSettings

_VALIDATION_SEED = 1 << 40


class PairSource(Protocol):
    """What training needs of its data.

    Attributes:
        identity: what must be equal for a training to be resumed.
    """

    identity: dict[str, Any]

    def batch(self, step: int, part: slice = slice(None)) -> FlowBatch:
        """The pairs of a step, or a part of them."""
        ...

    def held_out(self, count: int) -> FlowBatch | None:
        """At most ``count`` pairs that are not trained on, the same in every run; None: no such."""
        ...

    def calibration(self, count: int) -> torch.Tensor:
        """Frames (N, 3, H, W) that settle batch norms."""
        ...


class RenderedPairs:
    """A `PairSource` that renders.

    Args:
        photos: textures.
        settings: size and motion of pairs, and how many make a batch.
        seed: of the batches.
        name: of the photographs.
    """

    def __init__(
        self, photos: Sequence[torch.Tensor], settings: TrainingSettings, seed: int,
        name: str = "bundled",
    ) -> None:
        self.photos, self.settings, self.seed = photos, settings, seed
        self.render = render_settings(settings)
        self.identity: dict[str, Any] = {"photos": name}

    def batch(self, step: int, part: slice = slice(None)) -> FlowBatch:
        """See `PairSource`; a seed settles a batch as a whole, so all of it is rendered."""
        whole = render_batch(
            self.photos, self.render, self.settings.batch, batch_seed(self.seed, step)
        )
        pairs = (whole.frame1, whole.frame2, whole.flow, whole.valid)
        return FlowBatch(*(values[part].clone() for values in pairs))

    def held_out(self, count: int) -> FlowBatch:
        """See `PairSource`."""
        return validation_batch(self.photos, self.render, count)

    def calibration(self, count: int) -> torch.Tensor:
        """See `PairSource`; other pairs than the held-out ones."""
        return validation_batch(self.photos, self.render, count, part=1).frame1


def check_data(settings: TrainingSettings) -> None:
    """Checks that the batches of a stage can be had.

    Raises:
        UserError: it trains on other data than rendered pairs, or the processes that train together
            cannot share its batches.
    """
    if settings.data != "rendered":
        raise UserError(f"this stage trains on '{settings.data}'; add --data rendered to train on "
                        "rendered pairs in its place")
    own_part(settings.batch)


def render_settings(settings: TrainingSettings) -> RenderSettings:
    """Rendering as the training section asks for it."""
    render = settings.render
    motion = MotionStatistics(largest_px=render.largest_motion_px)
    return RenderSettings(height=render.height, width=render.width, motion=motion)


def batch_seed(seed: int, step: int) -> int:
    """Seed of one training batch; disjoint from those of validation."""
    return (seed << 24) + step


class _Batches(Dataset[tuple[torch.Tensor, ...]]):
    def __init__(self, source: PairSource, part: slice) -> None:
        self.source, self.part = source, part

    def __getitem__(self, step: int) -> tuple[torch.Tensor, ...]:
        torch.set_num_threads(1)  # the trainer has the other cores
        batch = self.source.batch(step, self.part)
        return batch.frame1, batch.frame2, batch.flow, batch.valid


def batches_of(
    source: PairSource, first: int, last: int, workers: int = 1, part: slice = slice(None)
) -> Iterator[FlowBatch]:
    """Batches of steps ``first`` to ``last - 1``; the number of workers changes none of them.

    Args:
        source: of the pairs.
        first: first step.
        last: step before which the batches end.
        workers: processes that make them.
        part: of each batch: one process's of several that train together.
    """
    loader = DataLoader(
        _Batches(source, part), batch_size=None, sampler=range(first, last),
        num_workers=workers, prefetch_factor=4,
    )
    for frame1, frame2, flow, valid in loader:
        yield FlowBatch(frame1, frame2, flow, valid)


def validation_batch(
    photos: Sequence[torch.Tensor], render: RenderSettings, count: int, *, part: int = 0
) -> FlowBatch:
    """Held-out rendered pairs, the same in every run.

    Args:
        photos: textures.
        render: size and statistics.
        count: pairs.
        part: 0 for scores, 1 for the recalibration of batch norms.
    """
    return render_batch(photos, render, count, _VALIDATION_SEED + part)
