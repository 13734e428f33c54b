"""Feature Alignment Distillation (FlowNAS): the student's features follow a trained RAFT's.

The paper's training-time formula is unpublished. This is our reading, every part an option:
L = weight * sum over {fnet, cnet} and taps of mean over pixels of the distance between the
channel-pooled maps of student and teacher.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from supernet.training.settings import FADSettings


def pooled(features: torch.Tensor, pool: str) -> torch.Tensor:
    """One map per image, (B, H, W), from (B, C, H, W); works across different widths."""
    features = features.float()
    return features.amax(1) if pool == "max" else features.mean(1)


def teacher_maps(taps: Sequence[torch.Tensor], settings: FADSettings) -> list[torch.Tensor]:
    """The teacher's maps of the chosen taps."""
    return [pooled(taps[index], settings.pool) for index in settings.taps]


def fad_loss(
    student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor], settings: FADSettings,
    frames: int = 1,
) -> torch.Tensor:
    """Distance summed over taps, without the weight.

    Args:
        student: five taps of one encoder.
        teacher: from `teacher_maps`.
        settings: taps, pooling, norm.
        frames: frames of a pair in the batch: 2 where all first frames stand before all second
            ones.
    """
    total = student[0].new_zeros((), dtype=torch.float32)
    for index, target in zip(settings.taps, teacher, strict=True):
        gap = pooled(student[index], settings.pool) - target
        if settings.norm == "l1":
            total = total + gap.abs().mean()
            continue
        square = gap.square()
        if settings.norm == "pair":
            square = square.view(frames, -1, *square.shape[1:]).sum(0)
        # A norm over one channel is the absolute value; here it is smooth near 0 (Charbonnier).
        total = total + (square + 1e-6).sqrt().mean()
    return total


def feature_distance(student: torch.Tensor, teacher: torch.Tensor) -> float:
    """Distance of the released search code, from the last tap of both nets.

    d(p) = sqrt(sum over the batch of (S(p) - T(p))²) on channel-max maps, averaged over pixels.
    """
    gap = pooled(student, "max") - pooled(teacher, "max")
    return float(gap.square().sum(0).sqrt().mean())
