"""What one training step computes; here for a stand-alone network."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from supernet.data.render import FlowBatch
from supernet.network import Network
from supernet.raft.network import FlowNetwork
from supernet.space import SearchSpace
from supernet.tasks.flow import flow_metrics
from supernet.training.losses import flow_loss, initial_flow
from supernet.training.precision import autocast
from supernet.training.settings import TrainingSettings

Figures = dict[str, float]
TOTAL = "_total"
"""Ends the names of figures that are counted from the start of a training on."""


class StepRule(abc.ABC):
    """Computes gradients of one batch.

    Attributes:
        network: what is trained; parameters that need no gradient stay as they are.
        loss_scale: factor of the losses before they are differentiated, for fp16.
    """

    network: Network
    loss_scale: float = 1.0

    @abc.abstractmethod
    def backward(self, batch: Any, rng: np.random.Generator, progress: float = 1.0) -> Figures:
        """Adds gradients; returns ``loss`` and other figures of the step.

        Args:
            batch: what the task trains on.
            rng: settles what is random in this step.
            progress: share of the training that lies behind, 0 to 1.
        """

    def apart(self) -> list[tuple[Sequence[nn.Parameter], dict[str, Any]]]:
        """Parameters with options of their own in the optimiser.

        ``factor`` is their learning rate over that of the others.
        """
        return []

    def held_out(self, batch: Any) -> Figures:
        """Figures of held-out examples that only this rule knows of; the network may change mode.

        Args:
            batch: what the task trains on.
        """
        return {}
    def landmarks(self, space: SearchSpace) -> Mapping[str, npt.NDArray[np.int64]]:
        """Index vectors of the architectures whose errors a supernet's training shows, by name."""
        return {"largest": space.largest, "smallest": space.smallest}

    def train_mode(self) -> None:
        """Puts the network into training mode."""
        self.network.train()


class StandaloneRule(StepRule):
    """Sequence loss of one network."""

    network: FlowNetwork

    def __init__(self, network: FlowNetwork, settings: TrainingSettings) -> None:
        self.network = network
        self.settings = settings

    def train_mode(self) -> None:
        """See `StepRule`; frozen batch norms keep their statistics."""
        self.network.train()
        if self.settings.freeze_batch_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def backward(
        self, batch: FlowBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> Figures:
        """See `StepRule`."""
        start = initial_flow(batch, self.settings, rng, progress)
        network = self.network
        with autocast(self.settings, batch.flow.device):
            features, context = network.features(batch.frame1, batch.frame2)
            flows = network.head(
                *features[-1].chunk(2), context[-1], self.settings.iterations, all_steps=True,
                initial=start,
            )
        loss = flow_loss(features[-1], flows, batch, self.settings)
        (loss * self.loss_scale).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            epe = flow_metrics(flows[-1], batch.flow, batch.valid)["epe"]
        return {"loss": float(loss.detach()), "epe": epe}
