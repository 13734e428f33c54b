"""Progressive pruning: the space shrinks while classes are added.

DA-NAS (Dai et al., ECCV 2020, arXiv 2003.12563) trains weights and architecture parameters in turn
on few, easy classes, removes each layer's least probable blocks, adds classes, and so on. What is
known of it: stages, their classes, the ratio, the softmax over what is left as score, and a cost in
the loss. How the parameters get their gradient is not known; here two blocks of each layer are
compared at a time (ProxylessNAS, Cai et al., 2019, arXiv 1812.00332).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from luts.errors import UserError
from supernet.data.images.source import ImageBatch
from supernet.layers.layout import channels_last
from supernet.network import Network
from supernet.processes import process_count
from supernet.pruned import PrunedDistribution
from supernet.space import SearchSpace
from supernet.spaces._pruned_networks import PrunedChainSupernet, Rival
from supernet.tasks.labels import label_loss
from supernet.training.growth import Growth
from supernet.training.image_settings import ImageSettings
from supernet.training.label_rules import LabelRule
from supernet.training.precision import autocast
from supernet.training.pruning_record import record_stage
from supernet.training.rules import Figures
from supernet.training.sampling import factor_gflops

Vector = np.ndarray[Any, np.dtype[np.int64]]


class PruningRule(LabelRule):
    """The first half of a batch searches, the second trains; they come from disjoint images.

    Args:
        space: of the architectures.
        supernet: what is trained.
        settings: training section.
        growth: classes by step.
        record: file that says what was removed, and why.

    Raises:
        UserError: the supernet cannot be pruned, its space's cost is not one of single decisions,
            or several processes train together.
    """

    network: PrunedChainSupernet

    def __init__(
        self, space: SearchSpace, supernet: Network, settings: ImageSettings, growth: Growth,
        record: Path,
    ) -> None:
        super().__init__(supernet, settings)
        self.network = check_prunable(space, supernet)
        self.space, self.growth, self.record = space, growth, record
        self.distribution: PrunedDistribution = self.network.distribution
        self.pruning = settings.pruning

    def apart(self) -> list[tuple[Sequence[nn.Parameter], dict[str, Any]]]:
        """See `StepRule`; the logits have a rate of their own and do not decay."""
        return [(list(self.distribution.logits),
                 {"factor": self.pruning.rate, "weight_decay": 0.0})]

    def landmarks(self, space: SearchSpace) -> Mapping[str, Vector]:
        """See `StepRule`; corners of the space may be among what was removed."""
        return {"likeliest": self.distribution.likeliest()}

    def backward(
        self, batch: ImageBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> Figures:
        """See `StepRule`."""
        step = round(progress * self.settings.steps)
        half, classes = len(batch.labels) // 2, self.growth.classes(step)
        search = ImageBatch(batch.images[:half], batch.labels[:half])
        train = ImageBatch(batch.images[half:], batch.labels[half:])
        self._activate(self.distribution.sample(rng, 1)[0])
        loss, error = self._loss(train, classes, self.settings.label_smoothing)
        (loss * self.loss_scale).backward()  # type: ignore[no-untyped-call]
        figures = {"loss": float(loss.detach()), "error": error, "classes": float(len(classes)),
                   "entropy": self.distribution.entropy()}
        if step >= self.growth.warm_up:
            figures["search_loss"] = self._compare(search, classes, rng)
        if self.growth.closes(step):
            self._close(step, rng)
        return {**figures, "choices": float(np.mean([m.sum() for m in self.distribution.left()]))}

    def _activate(self, vector: Vector) -> None:
        self.space.activate(self.network, self.space.decode(vector))

    def _loss(
        self, images: ImageBatch, classes: Sequence[int], smoothing: float
    ) -> tuple[torch.Tensor, float]:
        """Loss and error in percent; outputs of classes that are not known yet are left out.

        Those that no image has stay in, so that they learn to be small.
        """
        with autocast(self.settings, images.images.device):
            logits = self.network(channels_last(images.images))
        never = range(len(self.growth.order), logits.shape[1])
        known = torch.tensor([*classes, *never], device=logits.device)
        logits = logits[:, known]
        labels = (images.labels[:, None] == known).int().argmax(1)
        missed = (logits.detach().argmax(1) != labels).float().mean()
        return label_loss(logits, labels, smoothing), 100 * float(missed)

    def _compare(
        self, search: ImageBatch, classes: Sequence[int], rng: np.random.Generator
    ) -> float:
        """Adds gradients of the logits: two blocks of each layer, and what all of them cost."""
        vector, self.network.rivals = self._rivals(rng)
        self._activate(vector)
        try:
            loss, _ = self._loss(search, classes, 0.0)
        finally:
            self.network.rivals = None
        if self.pruning.cost > 0:
            loss = loss + self.pruning.cost * torch.log(self.expected_gflops())
        logits = list(self.distribution.logits)
        found = torch.autograd.grad(loss * self.loss_scale, logits, allow_unused=True)
        for own, gradient in zip(logits, found, strict=True):
            own.grad = gradient
        return float(loss.detach())

    def _rivals(self, rng: np.random.Generator) -> tuple[Vector, list[Rival | None]]:
        """One block of each layer that runs, and another of those left, by their shares."""
        vector, rivals = [], list[Rival | None]()
        values = [decision.choices for decision in self.space.decisions]
        for place, shares in enumerate(self.distribution.shares()):
            count = min(2, int((shares > 0).sum()))
            pair = rng.choice(len(shares), size=count, replace=False, p=shares / shares.sum())
            if count == 1:
                vector.append(int(pair[0]))
                rivals.append(None)
                continue
            both = torch.softmax(self.distribution.logits[place].float()[pair.tolist()], 0)
            if rng.random() > float(both[0].detach()):
                pair, both = pair[::-1], both.flip(0)
            vector.append(int(pair[0]))
            rivals.append((values[place][int(pair[1])], both))
        return np.array(vector, dtype=np.int64), rivals

    def expected_gflops(self) -> torch.Tensor:
        """GFLOPs of a network drawn from the distribution, on average; differentiable."""
        shares, tables = self.distribution.log_shares(), factor_gflops(self.space)
        total = torch.zeros((), device=shares[0].device)
        for factor, table in zip(self.space.factors, tables, strict=True):
            work = torch.from_numpy(table).to(total)
            if factor.decisions:
                own = shares[factor.decisions[0]]
                # What was removed has probability 0, and no gradient.
                kept = torch.isfinite(own)
                total = total + (own[kept].exp() * work[kept]).sum()
            else:
                total = total + work.sum()
        return total

    def _close(self, step: int, rng: np.random.Generator) -> None:
        """Behind a stage: scores, what is removed, and the file that tells."""
        stage = self.growth.stage(step)
        scores = self.distribution.shares()
        removed = self.distribution.prune(self.pruning.ratio, stage + 1, rng)
        record_stage(self.record, self.space, stage=stage + 1, step=step + 1,
                     classes=self.growth.classes(step), scores=scores, removed=removed)


def check_prunable(space: SearchSpace, supernet: Network) -> PrunedChainSupernet:
    """The supernet, if blocks can be removed from it one by one.

    Raises:
        UserError: see `PruningRule`.
    """
    if process_count() > 1:
        raise UserError("training.pruning trains in one process: the halves of a batch have "
                        "different tasks, and processes would divide it")
    if not isinstance(supernet, PrunedChainSupernet):
        raise UserError(f"training.pruning: nothing can be removed from the blocks of space "
                        f"'{space.name}'")
    if any(len(factor.decisions) > 1 for factor in space.factors):
        raise UserError(f"training.pruning: parts of space '{space.name}' see several "
                        "decisions; blocks could not be judged one by one")
    return supernet
