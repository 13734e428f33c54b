"""Optical flow: the loss of a sequence of flows, and the metrics."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from supernet.processes import process_count, shared_mean

LARGEST_FLOW_PX = 400.0


def lengths_px(flow: torch.Tensor) -> torch.Tensor:
    """Lengths (B, H, W) of flow vectors (B, 2, H, W).

    `torch.norm` over two planes takes a hundred times as long on a CPU.
    """
    return torch.hypot(flow[:, 0], flow[:, 1])


def sequence_loss(
    flows: Sequence[torch.Tensor], target: torch.Tensor, valid: torch.Tensor, gamma: float
) -> torch.Tensor:
    """RAFT's loss: sum over iterations i of gamma^(N-i) times the mean absolute error.

    Args:
        flows: N tensors (B, 2, H, W) in pixels.
        target: (B, 2, H, W).
        valid: (B, H, W), 1 where the target is known.
        gamma: weight ratio of successive iterations.
    """
    mask = (valid > 0.5) & (lengths_px(target) < LARGEST_FLOW_PX)
    weight = mask[:, None].to(target.dtype)
    total = target.new_zeros(())
    for index, flow in enumerate(flows):
        error = (flow - target).abs() * weight
        total = total + gamma ** (len(flows) - 1 - index) * error.mean()
    return total


def matching_loss(
    features1: torch.Tensor, features2: torch.Tensor, target: torch.Tensor, valid: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of each coarse pixel's correlation with its true place in frame 2.

    Teaches the feature encoder to match before the recurrent unit can use a match; without it a
    short training spends its first thousand steps at zero flow (our design; docs/decisions).

    Args:
        features1: (B, C, h, w) of frame 1.
        features2: (B, C, h, w) of frame 2.
        target: (B, 2, H, W) flow in pixels.
        valid: (B, H, W), 1 where it is known.
    """
    _, C, h, w = features1.shape
    scale = target.shape[-1] // w
    scores = features1.float().flatten(2).transpose(1, 2) @ features2.float().flatten(2) / C**0.5
    log_share = F.log_softmax(scores, -1)
    known = F.avg_pool2d(valid[:, None], scale).flatten(1) > 0.99
    coarse = F.avg_pool2d(target, scale) / scale
    rows, cols = torch.meshgrid(
        torch.arange(h, device=target.device), torch.arange(w, device=target.device),
        indexing="ij",
    )
    x, y = (cols + coarse[:, 0]).flatten(1), (rows + coarse[:, 1]).flatten(1)
    inside = known & (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
    left, top = x.floor().clamp(0, w - 2), y.floor().clamp(0, h - 2)
    right_share, low_share = (x - left).clamp(0, 1), (y - top).clamp(0, 1)
    # A flow that is not finite has no place; the sequence loss reports it.
    first = torch.where(inside, top * w + left, 0).long()
    found = torch.zeros_like(x)
    for step, share in (
        (0, (1 - right_share) * (1 - low_share)), (1, right_share * (1 - low_share)),
        (w, (1 - right_share) * low_share), (w + 1, right_share * low_share),
    ):
        found = found + share * log_share.gather(2, (first + step)[..., None])[..., 0]
    # Parts of a batch may know different numbers of places: the mean is over all of them.
    count = shared_mean(inside.sum().float()).clamp_min(1 / process_count())
    return -torch.where(inside, found, 0).sum() / count


def flow_metrics(
    flow: torch.Tensor, target: torch.Tensor, valid: torch.Tensor
) -> dict[str, float]:
    """End-point error and outliers of one or more pairs.

    Args:
        flow: (B, 2, H, W).
        target: (B, 2, H, W).
        valid: (B, H, W).

    Returns:
        ``epe`` in pixels and ``fl_all``, the percentage of pixels off by more than 3 px and more
        than 5 % of the true motion (KITTI's definition), over the valid pixels.
    """
    mask = valid > 0.5
    error, length = lengths_px(flow - target)[mask], lengths_px(target)[mask]
    outlier = (error > 3) & (error > 0.05 * length)
    return {"epe": float(error.mean()), "fl_all": 100 * float(outlier.float().mean())}
