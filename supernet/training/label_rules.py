"""What one step of classification computes, for a stand-alone network and for a supernet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from supernet.data.images.source import ImageBatch
from supernet.indicator import IndicatorSpace, indicator_parameters
from supernet.layers.layout import channels_last
from supernet.network import Network
from supernet.space import SearchSpace
from supernet.tasks.labels import imitation_loss, label_loss
from supernet.training.image_settings import ImageSettings
from supernet.training.precision import autocast
from supernet.training.rules import Figures, StepRule
from supernet.training.sampling import StepSampler

Loss = Callable[[torch.Tensor], torch.Tensor]


class LabelRule(StepRule):
    """Smoothed cross-entropy of one network."""

    def __init__(self, network: Network, settings: ImageSettings) -> None:
        self.network = network
        self.settings = settings

    def backward(
        self, batch: ImageBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> Figures:
        """See `StepRule`."""
        return self.gradients(batch, self.labelled(batch))[0]

    def labelled(self, batch: ImageBatch) -> Loss:
        """The loss of logits against the labels."""
        return lambda logits: label_loss(logits, batch.labels, self.settings.label_smoothing)

    def gradients(self, batch: ImageBatch, loss_of: Loss) -> tuple[Figures, torch.Tensor]:
        """Adds gradients of the network as it runs now; gives figures and logits."""
        with autocast(self.settings, batch.images.device):
            logits = self.network(channels_last(batch.images))
        loss = loss_of(logits)
        if loss.requires_grad:  # with norms alone: not where an architecture has no block
            (loss * self.loss_scale).backward()  # type: ignore[no-untyped-call]
        missed = (logits.detach().argmax(1) != batch.labels).float().mean()
        return {"loss": float(loss.detach()), "error": 100 * float(missed)}, logits.detach()


class SupernetLabelRule(LabelRule):
    """Architectures of a supernet, one after the other; gradients are summed.

    Without corners and with one random architecture this is the uniform single path (SPOS, Guo et
    al., 2020). Blocks that no architecture of the step has are left without gradient.

    Args:
        space: of the architectures.
        supernet: what is trained.
        teacher: trained reference (None: no distillation).
        settings: training section.
    """

    def __init__(
        self, space: SearchSpace, supernet: Network, teacher: Network | None,
        settings: ImageSettings,
    ) -> None:
        super().__init__(supernet, settings)
        self.space, self.teacher = space, teacher
        self.sampler = StepSampler(space, settings.sandwich)

    def backward(
        self, batch: ImageBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> Figures:
        """See `StepRule`."""
        settings = self.settings
        vectors = self.sampler.draw(rng)
        loss_of = self._taught(batch)
        figures: list[Figures] = []
        leader: torch.Tensor | None = None
        for vector in vectors:
            self.space.activate(self.network, self.space.decode(vector))
            imitates = settings.sandwich.in_place if leader is not None else 0.0
            found, logits = self.gradients(batch, _imitating(loss_of, leader, imitates))
            leader = logits if leader is None else leader
            figures.append(found)
        means = {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}
        corners = zip(self.sampler.corners, figures, strict=False)
        return {**means, **{f"error_{name}": found["error"] for name, found in corners}}

    def _taught(self, batch: ImageBatch) -> Loss:
        """The loss against the labels, or partly against the teacher."""
        loss_of, distil = self.labelled(batch), self.settings.distil
        if self.teacher is None:
            return loss_of
        with torch.no_grad(), autocast(self.settings, batch.images.device):
            taught = self.teacher(batch.images)
        return lambda logits: (
            (1 - distil.weight) * loss_of(logits)
            + distil.weight * imitation_loss(logits, taught, distil.temperature)
        )


def _imitating(loss_of: Loss, leader: torch.Tensor | None, weight: float) -> Loss:
    """The loss plus the distance from the first architecture's logits."""
    if leader is None or weight == 0:
        return loss_of
    return lambda logits: loss_of(logits) + weight * imitation_loss(logits, leader)


def freeze_but_indicator(space: IndicatorSpace, supernet: Network) -> None:
    """Leaves only the norms that the indicator reads to be trained (BN-NAS)."""
    supernet.requires_grad_(False)
    for parameter in indicator_parameters(space, supernet):
        parameter.requires_grad_(True)
