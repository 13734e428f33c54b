"""What all networks have in common, whatever their task."""

from __future__ import annotations

import abc

import torch
from torch import nn


class Network(nn.Module, abc.ABC):
    """A deployable network, or one that shares the weights of a space.

    Attributes:
        frozen_statistics: whether its batch norms keep the statistics that it was trained with.
    """

    frozen_statistics: bool

    def __init__(self) -> None:
        super().__init__()
        self.frozen_statistics = False

    @abc.abstractmethod
    def feed_norms(self, inputs: torch.Tensor) -> None:
        """Runs the part that has batch norms, to settle their statistics.

        Args:
            inputs: (N, 3, H, W), pixels in 0..255.
        """
