"""Scores of stand-alone and inherited networks on held-out rendered pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from luts.space import Architecture
from supernet.data.photos import bundled_photos
from supernet.raft.network import FlowNetwork
from supernet.raft.space import FlowSpace
from supernet.recalibrate import recalibrate
from supernet.tasks.flow import flow_metrics
from supernet.training.data import RenderedPairs
from supernet.training.settings import TrainingSettings

_CHUNK = 4


class HeldOut:
    """Rendered pairs that no training sees, and frames that settle batch norms.

    Args:
        settings: size and motion of the pairs, and the number of calibration frames.
        count: pairs to score on.
        device: where networks run.
    """

    def __init__(self, settings: TrainingSettings, count: int, device: torch.device) -> None:
        source = RenderedPairs(bundled_photos(), settings, seed=0)
        self.pairs = source.held_out(count).to(device)
        self.frames = source.calibration(settings.calibration_pairs).to(device)

    def check(self, trained: Mapping[str, Any], name: str) -> None:
        """See `supernet.tasks.base.Judge`: what is rendered for scores no training ever sees."""

    def score(self, network: FlowNetwork) -> dict[str, float]:
        """``epe`` and ``fl_all`` of a network as deployed, with its own batch statistics.

        Args:
            network: recalibrated in place; left in evaluation mode.
        """
        recalibrate(network, self.frames)
        flows = []
        with torch.no_grad():
            for one, two in zip(
                torch.split(self.pairs.frame1, _CHUNK), torch.split(self.pairs.frame2, _CHUNK),
                strict=True,
            ):
                flows += network.flows(one, two)
        return flow_metrics(torch.cat(flows), self.pairs.flow, self.pairs.valid)

    def score_inherited(
        self, space: FlowSpace, supernet: FlowNetwork, architecture: Architecture
    ) -> dict[str, float]:
        """Scores an architecture with weights of a supernet."""
        network = space.inherit(supernet, architecture)
        return self.score(network.to(self.frames.device))
