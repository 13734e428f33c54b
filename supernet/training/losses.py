"""What every network is trained with, stand-alone or within a supernet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from supernet.data.render import FlowBatch
from supernet.processes import own_part, process_count
from supernet.raft.config import UPSAMPLE
from supernet.tasks.flow import matching_loss, sequence_loss
from supernet.training.settings import TrainingSettings

_NOISY_UNTIL = 0.5


def initial_flow(
    batch: FlowBatch, settings: TrainingSettings, rng: np.random.Generator, progress: float
) -> torch.Tensor | None:
    """Where the iterations start: 0, or for a share of the pairs the true flow plus noise.

    Args:
        batch: this process's part of the batch.
        settings: the share.
        rng: settles the noise of the whole batch.
        progress: share of the training that lies behind, 0 to 1.

    Returns:
        (B, 2, H / 8, W / 8) in coarse pixels, or None for 0 everywhere.
    """
    whole = len(batch.flow) * process_count()
    part = own_part(whole)
    count = round(settings.noisy_start * whole)
    if progress >= _NOISY_UNTIL or count == 0:
        return None
    # The mean over the pixels that are known, which of sparse flow are few.
    weight = batch.valid[:, None]
    known = F.avg_pool2d(weight, UPSAMPLE).clamp_min(1 / UPSAMPLE**2)
    coarse = F.avg_pool2d(batch.flow * weight, UPSAMPLE) / known / UPSAMPLE
    shape = (whole, *coarse.shape[1:])
    # A common offset, as a wrong first guess has, and a rough one.
    noise = rng.normal(0, 1.0, (*shape[:2], 1, 1)) + rng.normal(0, 0.3, shape)
    start = coarse + torch.from_numpy(noise[part]).to(coarse)
    start[max(0, count - part.start) :] = 0
    return start


def flow_loss(
    features: torch.Tensor, flows: Sequence[torch.Tensor], batch: FlowBatch,
    settings: TrainingSettings,
) -> torch.Tensor:
    """Sequence loss, and the matching loss of both frames' features (2 B, C, h, w)."""
    loss = sequence_loss(flows, batch.flow, batch.valid, settings.gamma)
    if settings.matching > 0:
        one, two = features.chunk(2)
        loss = loss + settings.matching * matching_loss(one, two, batch.flow, batch.valid)
    return loss
