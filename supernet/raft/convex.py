"""The convex combination behind RAFT's upsampling, with a backward pass of few sweeps.

Autograd keeps products of the size (B, 2, 9, 64, h, w) in every iteration and sweeps over them
some ten times; written out, the gradient needs arrays half that size and five sweeps.
"""

from __future__ import annotations

from typing import Any

import torch


def convex_combination(scores: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
    """Sum over k of softmax_k(scores) times the neighbours.

    Args:
        scores: (B, 9, 64, h, w).
        neighbours: (B, 2, 9, h, w).

    Returns:
        (B, 2, 64, h, w).
    """
    if torch.is_grad_enabled() and scores.requires_grad:
        fine: torch.Tensor = _ConvexCombination.apply(scores, neighbours)  # type: ignore[no-untyped-call]
        return fine
    # Softmax written out: runtimes are slow on an inner axis.
    weights = torch.exp(scores - scores.amax(1, keepdim=True))
    total = weights.sum(1)
    return torch.stack(
        [(weights * neighbours[:, axis, :, None]).sum(1) / total for axis in range(2)], 1
    )


class _ConvexCombination(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
        weights = torch.softmax(scores, 1)
        fine = torch.stack(
            [(weights * neighbours[:, axis, :, None]).sum(1) for axis in range(2)], 1
        )
        ctx.save_for_backward(weights, neighbours, fine)
        return fine

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        (grad,) = grads
        weights, neighbours, fine = ctx.saved_tensors
        # The softmax's gradient needs sum_k w_k dw_k, which is the output times its gradient.
        mean = (grad * fine).sum(1, keepdim=True)
        slope = torch.addcmul(
            grad[:, :1] * neighbours[:, 0, :, None], grad[:, 1:], neighbours[:, 1, :, None]
        )
        grad_scores = slope.sub_(mean).mul_(weights)
        grad_neighbours = torch.stack(
            [(weights * grad[:, axis : axis + 1]).sum(2) for axis in range(2)], 1
        )
        return grad_scores, grad_neighbours
