"""Optical flow: the loss of a sequence of flows, and the metrics."""

from __future__ import annotations

from collections.abc import Sequence

import torch

LARGEST_FLOW_PX = 400.0


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
    mask = (valid > 0.5) & (target.norm(dim=1) < LARGEST_FLOW_PX)
    weight = mask[:, None].to(target.dtype)
    total = target.new_zeros(())
    for index, flow in enumerate(flows):
        error = (flow - target).abs() * weight
        total = total + gamma ** (len(flows) - 1 - index) * error.mean()
    return total


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
    error = (flow - target).norm(dim=1)[mask]
    length = target.norm(dim=1)[mask]
    outlier = (error > 3) & (error > 0.05 * length)
    return {"epe": float(error.mean()), "fl_all": 100 * float(outlier.float().mean())}
