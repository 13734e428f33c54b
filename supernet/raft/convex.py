"""The convex combination behind RAFT's upsampling, with a backward pass of few sweeps.

Autograd keeps products of the size (N, 2, 9, 64) in every iteration and sweeps over them some ten
times; written out, the gradient is two small matrix products a pixel and three sweeps.
"""

from __future__ import annotations

from typing import Any

import torch


def convex_combination(scores: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
    """Sum over k of softmax_k(scores) times the neighbours, in each of N coarse pixels.

    Args:
        scores: (N, 9, 64).
        neighbours: (N, 2, 9).

    Returns:
        (N, 2, 64).
    """
    fine: torch.Tensor = _ConvexCombination.apply(scores, neighbours)  # type: ignore[no-untyped-call]
    return fine


class _ConvexCombination(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
        weights = torch.softmax(scores, 1)
        # Flows need all their bits: autocast would round them to half precision.
        with torch.autocast(scores.device.type, enabled=False):
            fine = torch.bmm(neighbours, weights)
        ctx.save_for_backward(weights, neighbours, fine)
        return fine

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        (grad,) = grads
        weights, neighbours, fine = ctx.saved_tensors
        # The softmax's gradient needs sum_k w_k dw_k, which is the output times its gradient.
        mean = (grad * fine).sum(1, keepdim=True)
        slope = torch.bmm(neighbours.transpose(1, 2), grad)
        grad_neighbours = torch.bmm(grad, weights.transpose(1, 2))
        return slope.sub_(mean).mul_(weights), grad_neighbours
