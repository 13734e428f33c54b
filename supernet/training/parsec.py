"""PARSEC: weights and a distribution over architectures, learned together.

Casale, Gordon and Fusi (arXiv 1902.05116): K architectures are sampled; each is weighted by the
likelihood that it gives to a search batch; the weights of the network follow the weighted gradients
on a training batch, the distribution those of the weighted log-probabilities. FP-NAS (Yan et al.,
CVPR 2021, arXiv 2011.10949) draws K = lambda x entropy of them, and weighs by cost too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from luts.errors import UserError
from supernet.data.images.source import ImageBatch
from supernet.distribution import Distribution
from supernet.network import Network
from supernet.processes import process_count
from supernet.space import SearchSpace
from supernet.tasks.labels import label_loss
from supernet.training.image_settings import ImageSettings, ParsecSettings
from supernet.training.label_rules import LabelRule
from supernet.training.precision import autocast
from supernet.training.rules import Figures
from supernet.training.sampling import gflops

_NEGLIGIBLE = 1e-4


class ParsecRule(LabelRule):
    """The first half of a batch searches, the second trains; they come from disjoint images.

    Args:
        space: of the architectures.
        supernet: what is trained; has a ``distribution``.
        settings: training section.

    Raises:
        UserError: the supernet has no distribution, or several processes train together.
    """

    def __init__(self, space: SearchSpace, supernet: Network, settings: ImageSettings) -> None:
        super().__init__(supernet, settings)
        self.space = space
        self.parsec: ParsecSettings = settings.parsec
        if process_count() > 1:
            raise UserError("training.parsec trains in one process: the halves of a batch have "
                            "different tasks, and processes would divide it")
        held = getattr(supernet, "distribution", None)
        if not isinstance(held, Distribution):
            raise UserError(f"training.parsec: space '{space.name}' has no distribution over its "
                            "architectures")
        self.distribution = held

    def apart(self) -> list[tuple[Sequence[nn.Parameter], dict[str, Any]]]:
        """See `StepRule`; the logits have a rate of their own and do not decay."""
        return [(list(self.distribution.logits),
                 {"factor": self.parsec.rate, "weight_decay": 0.0})]

    def backward(
        self, batch: ImageBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> Figures:
        """See `StepRule`."""
        half = len(batch.labels) // 2
        search = ImageBatch(batch.images[:half], batch.labels[:half])
        train = ImageBatch(batch.images[half:], batch.labels[half:])
        entropy = self.distribution.entropy()
        vectors = self.distribution.sample(rng, self.parsec.count(entropy))
        weights = self._weights(vectors, search)
        figures: list[Figures] = []
        for vector, weight in zip(vectors, weights, strict=True):
            if weight > _NEGLIGIBLE or weight == weights.max():
                self.space.activate(self.network, self.space.decode(vector))
                found, _ = self.gradients(train, self._weighted(train, float(weight)))
                figures.append({**found, "error": float(weight) * found["error"]})
        self._move(vectors, weights)
        total = {name: float(sum(f[name] for f in figures)) for name in ("loss", "error")}
        return {**total, "entropy": entropy, "samples": float(len(vectors))}

    def _weights(self, vectors: np.ndarray[Any, Any], search: ImageBatch) -> np.ndarray[Any, Any]:
        """Likelihoods of the search batch, normalised over architectures in log space."""
        found = []
        with torch.no_grad():
            for vector in vectors:
                self.space.activate(self.network, self.space.decode(vector))
                with autocast(self.settings, search.images.device):
                    logits = self.network(search.images)
                mean = -float(label_loss(logits, search.labels, 0.0))
                scale = 1 if self.parsec.likelihood == "mean" else len(search.labels)
                found.append(scale * mean / self.parsec.temperature)
        logs = np.array(found)
        weights = np.exp(logs - logs.max())
        return cast("np.ndarray[Any, Any]", weights / weights.sum())

    def _weighted(self, train: ImageBatch, weight: float) -> Any:
        loss_of = self.labelled(train)
        return lambda logits: weight * loss_of(logits)

    def _move(self, vectors: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> None:
        """Gradients of the logits: those of minus the weighted log-probabilities."""
        pull = weights.copy()
        if self.parsec.target_gflops is not None:
            work = np.array([gflops(self.space, vector) for vector in vectors])
            cost = np.maximum(0, work / self.parsec.target_gflops - 1)
            if cost.sum() > 0:
                pull = pull - self.parsec.cost * cost / cost.sum()
        logs = self.distribution.log_probability(vectors)
        loss = -(torch.from_numpy(pull).to(logs) * logs).sum()
        (loss * self.loss_scale).backward()  # type: ignore[no-untyped-call]
