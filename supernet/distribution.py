"""A distribution over the architectures of a space: independent groups of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from luts.space import Vectors


class Distribution(nn.Module):
    """One categorical for each group, over all combinations of its decisions' choices.

    The logit of a combination is the sum of its choices' logits and of one of its own. All begin
    at 0. As long as the latter stay there, the distribution is factorised: decisions are
    independent. Once they are learned in place of the former, it is joint (FP-NAS, Yan et al., CVPR
    2021, arXiv 2011.10949); nothing needs to be converted in between, since with all of them at 0
    both are the same.

    Attributes:
        logits: of each decision's choices, each of shape ``(choices,)``.
        joint: of each combination, its last decision the fastest, by group; only of groups of
            several decisions.
        drawn: architectures that were drawn in training.

    Args:
        cardinalities: number of choices of each decision.
        groups: indices of the decisions of each group (None: each alone). Together they are all
            decisions, each once.
    """

    drawn: torch.Tensor

    def __init__(
        self, cardinalities: Sequence[int], groups: Sequence[Sequence[int]] | None = None
    ) -> None:
        super().__init__()
        self.sizes = tuple(int(n) for n in cardinalities)
        everything = range(len(self.sizes))
        self.groups = tuple(map(tuple, groups or [(index,) for index in everything]))
        if sorted(index for group in self.groups for index in group) != list(everything):
            raise ValueError(f"groups {self.groups} are not {len(self.sizes)} decisions, each once")
        self.logits = nn.ParameterList([nn.Parameter(torch.zeros(n)) for n in self.sizes])
        self.joint = nn.ParameterDict({
            str(number): nn.Parameter(torch.zeros(prod(self._shape(group))))
            for number, group in enumerate(self.groups) if len(group) > 1
        })
        self.register_buffer("drawn", torch.zeros((), dtype=torch.int64))

    def log_shares(self, *, joint: bool | None = None) -> list[torch.Tensor]:
        """Logarithms of the probabilities of each group's combinations.

        Args:
            joint: which logits get a gradient: those of combinations (True; where a group has but
                one decision, its own), those of choices (False), or all (None).
        """
        return [torch.log_softmax(self._logits(number, joint), 0)
                for number in range(len(self.groups))]

    def log_probability(self, vectors: Vectors, *, joint: bool | None = None) -> torch.Tensor:
        """Logarithm of the probability of architectures, shape ``(count,)``, differentiable.

        Args:
            vectors: index vectors, shape ``(count, decisions)``.
            joint: see `log_shares`.
        """
        picked = [
            shares[torch.from_numpy(self._rows(group, vectors)).to(shares.device)]
            for group, shares in zip(self.groups, self.log_shares(joint=joint), strict=True)
        ]
        return torch.stack(picked).sum(0)

    def entropy(self) -> float:
        """Entropy in nats, the sum over groups."""
        with torch.no_grad():
            return float(sum(-(shares.exp() * shares).sum() for shares in self.log_shares()))

    def sample(self, rng: np.random.Generator, count: int) -> Vectors:
        """Index vectors drawn from it, shape ``(count, decisions)``."""
        found = np.empty((count, len(self.sizes)), dtype=np.int64)
        for group, p in zip(self.groups, self._shares(), strict=True):
            rows = rng.choice(len(p), size=count, p=p / p.sum())
            found[:, list(group)] = np.stack(np.unravel_index(rows, self._shape(group)), axis=1)
        return found

    def likeliest(self) -> Vectors:
        """The architecture of the highest probability, shape ``(decisions,)``."""
        vector = np.empty(len(self.sizes), dtype=np.int64)
        for group, p in zip(self.groups, self._shares(), strict=True):
            vector[list(group)] = np.unravel_index(int(p.argmax()), self._shape(group))
        return vector

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any
    ) -> None:
        # Trainings from before they were counted, and from before a space named its groups.
        state_dict.setdefault(f"{prefix}drawn", torch.zeros((), dtype=torch.int64))
        for number, own in self.joint.items():
            state_dict.setdefault(f"{prefix}joint.{number}", torch.zeros_like(own))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _logits(self, number: int, joint: bool | None) -> torch.Tensor:
        group = self.groups[number]
        own = self.joint[str(number)] if len(group) > 1 else None
        parts = [self.logits[index].float() for index in group]
        if own is not None and joint is True:
            parts = [part.detach() for part in parts]
        total: torch.Tensor = parts[0]
        for part in parts[1:]:
            total = (total[:, None] + part).flatten()
        if own is not None:
            total = total + (own.detach() if joint is False else own).float()
        return total

    def _shares(self) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
        with torch.no_grad():
            return [each.double().exp().cpu().numpy() for each in self.log_shares()]

    def _shape(self, group: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.sizes[index] for index in group)

    def _rows(self, group: Sequence[int], vectors: Vectors) -> Vectors:
        """Which of its combinations a group of each vector is."""
        places = tuple(vectors[:, index] for index in group)
        return np.asarray(np.ravel_multi_index(places, self._shape(group)), dtype=np.int64)
