"""Batch-norm statistics of one architecture.

Widths share the entries of a supernet's batch norms, so running averages mean nothing there;
each architecture's statistics are measured before it is scored.
"""

from __future__ import annotations

import torch
from torch import nn

from supernet.layers.layout import channels_last
from supernet.raft.network import FlowNetwork, normalised


def recalibrate(network: FlowNetwork, frames: torch.Tensor, *, chunk: int = 8) -> None:
    """Sets the context encoder's running statistics to averages over frames.

    The feature encoder has instance norms, which need none. A network that was trained with frozen
    statistics keeps them.

    Args:
        network: changed in place; left in evaluation mode.
        frames: (N, 3, H, W), 0..255.
        chunk: frames per forward pass.
    """
    if network.frozen_statistics:
        network.eval()
        return
    norms = [m for m in network.cnet.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
    network.cnet.train()
    with torch.no_grad():
        for part in torch.split(normalised(frames), chunk):
            network.cnet(channels_last(part))
    network.eval()
    for norm in norms:
        norm.momentum = 0.0
