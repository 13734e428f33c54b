"""Batches for training: rendered ahead by a worker process, settled by seed and step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from supernet.data.motion import MotionStatistics
from supernet.data.render import FlowBatch, RenderSettings, render_batch
from supernet.training.settings import TrainingSettings

_VALIDATION_SEED = 1 << 40


def render_settings(settings: TrainingSettings) -> RenderSettings:
    """Rendering as the training section asks for it."""
    render = settings.render
    motion = MotionStatistics(largest_px=render.largest_motion_px)
    return RenderSettings(height=render.height, width=render.width, motion=motion)


def batch_seed(seed: int, step: int) -> int:
    """Seed of one training batch; disjoint from those of validation."""
    return (seed << 24) + step


class _RenderedBatches(Dataset[tuple[torch.Tensor, ...]]):
    def __init__(
        self, photos: Sequence[torch.Tensor], settings: TrainingSettings, seed: int
    ) -> None:
        self.photos = photos
        self.settings = settings
        self.seed = seed

    def __getitem__(self, step: int) -> tuple[torch.Tensor, ...]:
        torch.set_num_threads(1)  # the trainer has the other cores
        batch = render_batch(
            self.photos, render_settings(self.settings), self.settings.batch,
            batch_seed(self.seed, step),
        )
        return batch.frame1, batch.frame2, batch.flow, batch.valid


def rendered_batches(
    photos: Sequence[torch.Tensor], settings: TrainingSettings, seed: int, first: int,
    workers: int = 1,
) -> Iterator[FlowBatch]:
    """Batches of steps ``first`` to the last; the number of workers changes none of them."""
    loader = DataLoader(
        _RenderedBatches(photos, settings, seed), batch_size=None,
        sampler=range(first, settings.steps), num_workers=workers, prefetch_factor=4,
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
