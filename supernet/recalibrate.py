"""Batch-norm statistics of one architecture.

Widths share the entries of a supernet's batch norms, so running averages mean nothing there;
each architecture's statistics are measured before it is scored.
"""

from __future__ import annotations

import torch
from torch import nn

from supernet.network import Network


def recalibrate(network: Network, inputs: torch.Tensor, *, chunk: int = 8) -> None:
    """Sets the running statistics of all batch norms to averages over inputs.

    Instance norms need none. A network that was trained with frozen statistics keeps them.

    Args:
        network: changed in place; left in evaluation mode.
        inputs: (N, 3, H, W), 0..255.
        chunk: inputs per forward pass.
    """
    network.eval()
    if network.frozen_statistics:
        return
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
        norm.train()
    with torch.no_grad():
        for part in torch.split(inputs, chunk):
            network.feed_norms(part)
    network.eval()
    for norm in norms:
        norm.momentum = 0.0
