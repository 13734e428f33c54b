"""Figures on held-out pairs while a network is trained."""

from __future__ import annotations

from functools import cached_property

import torch

from supernet.data.batch import FlowBatch
from supernet.data.source import PairSource
from supernet.raft.network import FlowNetwork
from supernet.raft.space import FlowSpace
from supernet.recalibrate import recalibrate
from supernet.tasks.flow import flow_metrics

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

    def supernet(self, space: FlowSpace, network: FlowNetwork) -> dict[str, float]:
        """Errors of the largest and smallest, with the statistics of the held-out batch."""
        if self.pairs is None:
            return {}
        found = {}
        buffers = {name: value.clone() for name, value in network.named_buffers()}
        network.train()
        for name, vector in (("largest", space.largest), ("smallest", space.smallest)):
            space.activate(network, space.decode(vector))
            found[f"epe_{name}"] = self._epe(network, self.pairs)
        with torch.no_grad():
            for name, value in network.named_buffers():
                value.copy_(buffers[name])
        return found

    def _epe(self, network: FlowNetwork, held: FlowBatch) -> float:
        with torch.no_grad():
            flow = network.flows(held.frame1, held.frame2)[-1]
        return flow_metrics(flow, held.flow, held.valid)["epe"]
