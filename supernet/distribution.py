"""A distribution over the architectures of a space: independent categoricals, one a decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from luts.space import Vectors


class Distribution(nn.Module):
    """Softmax of logits, which begin at 0: all choices alike.

    Args:
        cardinalities: number of choices of each decision.
    """

    def __init__(self, cardinalities: Sequence[int]) -> None:
        super().__init__()
        self.logits = nn.ParameterList([nn.Parameter(torch.zeros(n)) for n in cardinalities])

    def log_shares(self) -> list[torch.Tensor]:
        """Logarithms of the probabilities of each decision's choices."""
        return [torch.log_softmax(logits.float(), 0) for logits in self.logits]

    def log_probability(self, vectors: Vectors) -> torch.Tensor:
        """Logarithm of the probability of architectures, shape ``(count,)``, differentiable.

        Args:
            vectors: index vectors, shape ``(count, decisions)``.
        """
        picked = [shares[torch.from_numpy(vectors[:, place]).to(shares.device)]
                  for place, shares in enumerate(self.log_shares())]
        return torch.stack(picked).sum(0)

    def entropy(self) -> float:
        """Entropy in nats, the sum over decisions."""
        with torch.no_grad():
            return float(sum(-(shares.exp() * shares).sum() for shares in self.log_shares()))

    def sample(self, rng: np.random.Generator, count: int) -> Vectors:
        """Index vectors drawn from it, shape ``(count, decisions)``."""
        with torch.no_grad():
            shares = [each.double().exp().cpu().numpy() for each in self.log_shares()]
        drawn = [rng.choice(len(p), size=count, p=p / p.sum()) for p in shares]
        return np.stack(drawn, axis=1).astype(np.int64)
