"""PARSEC: weights and a distribution over architectures, learned together.

Casale, Gordon and Fusi (arXiv 1902.05116): K architectures are sampled; each is weighted by the
likelihood that it gives to a search batch; the weights of the network follow the weighted gradients
on a training batch, the distribution those of the weighted log-probabilities. FP-NAS (Yan et al.,
CVPR 2021, arXiv 2011.10949) draws K = lambda x entropy of them, learns independent decisions first
and joint ones later, and weighs by cost too.
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
from supernet.layers.layout import channels_last
from supernet.network import Network
from supernet.processes import process_count
from supernet.space import SearchSpace
from supernet.tasks.labels import label_loss, label_metrics, logits_of
from supernet.training.image_settings import ImageSettings, ParsecSettings
from supernet.training.label_rules import LabelRule
from supernet.training.precision import autocast
from supernet.training.price import make_price
from supernet.training.rules import TOTAL, Figures

_NEGLIGIBLE = 1e-4
_EXPECTED = 8
"""Architectures that a validation draws."""


class ParsecRule(LabelRule):
    """The first half of a batch searches, the second trains; they come from disjoint images.

    Args:
        space: of the architectures.
        supernet: what is trained; has a ``distribution``.
        settings: training section.

    Raises:
        UserError: the supernet has no distribution, or none that could become joint where that is
            asked for, several processes train together, or the settings of the cost do not fit
            together.
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
        if self.parsec.joint_from > 0 and not held.joint:
            raise UserError(f"training.parsec.joint_from = {self.parsec.joint_from:g}: space "
                            f"'{space.name}' has no decisions that belong together; leave it 0")
        self.distribution = held
        self.price = make_price(space, settings.parsec)

    def apart(self) -> list[tuple[Sequence[nn.Parameter], dict[str, Any]]]:
        """See `StepRule`; the logits have a rate of their own and do not decay."""
        logits = [*self.distribution.logits, *self.distribution.joint.values()]
        return [(logits, {"factor": self.parsec.rate, "weight_decay": 0.0,
                          "betas": (self.parsec.beta1, 0.999)})]

    def backward(
        self, batch: ImageBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> Figures:
        """See `StepRule`."""
        half = len(batch.labels) // 2
        search = ImageBatch(batch.images[:half], batch.labels[:half])
        train = ImageBatch(batch.images[half:], batch.labels[half:])
        entropy = self.distribution.entropy()
        vectors = self.distribution.sample(rng, self.parsec.count(entropy))
        self.distribution.drawn += len(vectors)
        weights = self._weights(vectors, search)
        figures: list[Figures] = []
        for vector, weight in zip(vectors, weights, strict=True):
            if weight > _NEGLIGIBLE or weight == weights.max():
                self.space.activate(self.network, self.space.decode(vector))
                found, _ = self.gradients(train, self._weighted(train, float(weight)))
                figures.append({**found, "error": float(weight) * found["error"]})
        self._move(vectors, weights, joint=progress >= self.parsec.joint_from)
        total = {name: float(sum(f[name] for f in figures)) for name in ("loss", "error")}
        return {**total, "entropy": entropy, "samples": float(len(vectors)),
                f"samples{TOTAL}": float(self.distribution.drawn)}

    def held_out(self, batch: ImageBatch) -> Figures:
        """See `StepRule`: error and loss of the likeliest architecture, and expected ones.

        The loss is minus the mean log-likelihood of an image. Norms have the statistics of the
        held-out images.
        """
        drawn = self.distribution.sample(np.random.default_rng(0), _EXPECTED)
        found = [self._metrics(vector, batch) for vector in (self.distribution.likeliest(), *drawn)]
        return {
            f"{name}_{what}": float(np.mean([one[name] for one in own]))
            for what, own in (("likeliest", found[:1]), ("expected", found[1:]))
            for name in ("error", "loss")
        }

    def _metrics(self, vector: Any, batch: ImageBatch) -> Figures:
        self.network.train()  # norms of momentum 0: the running statistics stay as they are
        self.space.activate(self.network, self.space.decode(vector))
        return label_metrics(logits_of(self.network, batch.images), batch.labels)

    def _weights(self, vectors: np.ndarray[Any, Any], search: ImageBatch) -> np.ndarray[Any, Any]:
        """Likelihoods of the search batch, normalised over architectures in log space."""
        found = []
        with torch.no_grad():
            for vector in vectors:
                self.space.activate(self.network, self.space.decode(vector))
                with autocast(self.settings, search.images.device):
                    logits = self.network(channels_last(search.images))
                mean = -float(label_loss(logits, search.labels, 0.0))
                scale = 1 if self.parsec.likelihood == "mean" else len(search.labels)
                found.append(scale * mean / self.parsec.temperature)
        logs = np.array(found)
        weights = np.exp(logs - logs.max())
        return cast("np.ndarray[Any, Any]", weights / weights.sum())

    def _weighted(self, train: ImageBatch, weight: float) -> Any:
        loss_of = self.labelled(train)
        return lambda logits: weight * loss_of(logits)

    def _move(
        self, vectors: np.ndarray[Any, Any], weights: np.ndarray[Any, Any], *, joint: bool = True
    ) -> None:
        """Gradients of the logits: those of minus the weighted log-probabilities.

        FP-NAS: m = w - beta C / sum of C; the second term is left out where no sample costs.
        """
        pull = weights.copy()
        if self.price is not None:
            cost = self.price.over(vectors)
            if cost.sum() > 0:
                pull = pull - self.parsec.cost * cost / cost.sum()
        logs = self.distribution.log_probability(vectors, joint=joint)
        loss = -(torch.from_numpy(pull).to(logs) * logs).sum()
        (loss * self.loss_scale).backward()  # type: ignore[no-untyped-call]
