"""Figures on held-out pairs while a network is trained."""

from __future__ import annotations

from functools import cached_property
from typing import cast

import torch

from supernet.data.render import FlowBatch
from supernet.raft.network import FlowNetwork
from supernet.recalibrate import recalibrate
from supernet.space import SearchSpace
from supernet.spaces._encoder import ElasticEncoder
from supernet.tasks.flow import flow_metrics
from supernet.training.data import PairSource

_PAIRS = 24


class Validation:
    """Held-out pairs, made when they are first needed.

    Args:
        source: of the pairs.
        device: where the networks are.
    """

    def __init__(self, source: PairSource, device: torch.device) -> None:
        self._source, self._device = source, device

    @cached_property
    def pairs(self) -> FlowBatch | None:
        """Held-out pairs, where the data have any."""
        held = self._source.held_out(_PAIRS)
        return None if held is None else held.to(self._device)

    @cached_property
    def frames(self) -> torch.Tensor:
        """Frames (N, 3, H, W) that settle batch norms."""
        return self._source.calibration(_PAIRS).to(self._device)

    def standalone(self, network: FlowNetwork) -> dict[str, float]:
        """Error of a stand-alone network; its batch norms are settled unless they are frozen."""
        if self.pairs is None:
            return {}
        recalibrate(network, self.frames)
        return {"epe": self._epe(network, self.pairs)}

    def supernet(self, space: SearchSpace, network: FlowNetwork) -> dict[str, float]:
        """Errors of the largest and smallest, with the statistics of the held-out batch."""
        if self.pairs is None:
            return {}
        found = {}
        buffers = {name: value.clone() for name, value in network.named_buffers()}
        network.train()
        for name, vector in (("largest", space.largest), ("smallest", space.smallest)):
            choice = space.encoder_choice(space.decode(vector))
            for encoder in (network.fnet, network.cnet):
                cast(ElasticEncoder, encoder).choice = choice
            found[f"epe_{name}"] = self._epe(network, self.pairs)
        with torch.no_grad():
            for name, value in network.named_buffers():
                value.copy_(buffers[name])
        return found

    def _epe(self, network: FlowNetwork, held: FlowBatch) -> float:
        with torch.no_grad():
            flow = network.flows(held.frame1, held.frame2)[-1]
        return flow_metrics(flow, held.flow, held.valid)["epe"]
