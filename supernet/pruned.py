"""A distribution over architectures from which choices are removed for good."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from supernet.distribution import Distribution

Mask = npt.NDArray[np.bool_]


class PrunedDistribution(Distribution):
    """Softmax over what is left of each decision; what was removed has no probability.

    What was removed, and behind which stage, is part of its state, so that a training that goes on
    from a checkpoint knows it, and so does a search.

    Args:
        cardinalities: number of choices of each decision.
    """

    def __init__(self, cardinalities: Sequence[int]) -> None:
        super().__init__(cardinalities)
        # Per choice the stage behind which it was removed, from 1; 0 where it is left.
        for place, count in enumerate(cardinalities):
            self.register_buffer(f"removed_{place}", torch.zeros(count, dtype=torch.int64))

    def left(self) -> list[Mask]:
        """Which choices are left, by decision, each of shape ``(choices,)``."""
        return [(self._removed(place) == 0).cpu().numpy() for place in range(len(self.logits))]

    def log_shares(self, *, joint: bool | None = None) -> list[torch.Tensor]:
        """See `Distribution`; minus infinity where a choice was removed."""
        return [
            torch.log_softmax(
                self._logits(place, joint).masked_fill(self._removed(place) != 0, -torch.inf), 0)
            for place in range(len(self.logits))
        ]

    def shares(self) -> list[npt.NDArray[np.float64]]:
        """Probabilities of each decision's choices, each of shape ``(choices,)``."""
        return self._shares()

    def entropy(self) -> float:
        """See `Distribution`."""
        return float(sum(-(p[p > 0] * np.log(p[p > 0])).sum() for p in self.shares()))

    def prune(self, ratio: float, stage: int, rng: np.random.Generator) -> list[list[int]]:
        """Removes the least probable choices of each decision; one at least is left.

        Args:
            ratio: of those left, rounded down.
            stage: from 1; is remembered.
            rng: settles which of equally probable ones go, so that none is favoured by its number.

        Returns:
            Indices of what was removed, by decision, least probable first.
        """
        removed = []
        for place, shares in enumerate(self.shares()):
            own = np.flatnonzero(self.left()[place])
            # A ratio such as 0.4 of 5 is 2, whatever floating point makes of it.
            count = min(int(ratio * len(own) + 1e-9), len(own) - 1)
            order = np.lexsort((rng.permutation(len(own)), shares[own]))
            worst = own[order][:count].tolist()
            self._removed(place)[worst] = stage
            removed.append(worst)
        return removed

    def _removed(self, place: int) -> torch.Tensor:
        buffer = self.get_buffer(f"removed_{place}")
        return buffer
