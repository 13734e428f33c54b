"""A moving average of the weights (EMA), which scatters less than the weights themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of a network's parameters.

    The decay rises with the number of steps, (1 + n) / (10 + n), until it is ``decay``: the first
    weights, which are random, are soon forgotten (Tan and Le, EfficientNet, use the same ramp).

    Args:
        network: what is averaged; buffers are not.
        decay: share of the average that stays in each step, below 1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._parameters = dict(network.named_parameters())
        self.weights = {name: p.detach().clone() for name, p in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes the weights behind ``step`` steps into the average."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, parameter in self._parameters.items():
            self.weights[name].lerp_(parameter, share)

    @torch.no_grad()
    def restore(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Puts a saved average back."""
        for name, value in self.weights.items():
            value.copy_(weights[name])

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the network has the averaged weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._parameters.items():
            held = parameter.clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(held)
