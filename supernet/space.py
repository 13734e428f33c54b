"""The SearchSpace seam: an `OperatorSpace` that also builds networks."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from luts.space import Architecture, OperatorSpace
from supernet.layers.choice import EncoderChoice

if TYPE_CHECKING:
    from supernet.raft.network import FlowNetwork


class SearchSpace(OperatorSpace):
    """Decisions, their lowering, and the networks behind them."""

    input_height: int
    input_width: int
    iterations: int

    @abc.abstractmethod
    def encoder_choice(self, architecture: Architecture) -> EncoderChoice:
        """The cells that an architecture stands for."""

    @abc.abstractmethod
    def build(self, architecture: Architecture) -> FlowNetwork:
        """A stand-alone network with fresh weights."""

    @abc.abstractmethod
    def build_reference(self) -> FlowNetwork:
        """The hand-designed baseline with fresh weights."""

    @abc.abstractmethod
    def build_supernet(self) -> FlowNetwork:
        """The weight-sharing network."""

    @abc.abstractmethod
    def inherit(self, supernet: FlowNetwork, architecture: Architecture) -> FlowNetwork:
        """A stand-alone network with the supernet's weights for an architecture."""

    def published(self) -> Mapping[str, Architecture]:
        """Architectures of this space that its paper names, by name."""
        return {}

    @property
    def largest(self) -> npt.NDArray[np.int64]:
        """Index vector of the architecture that contains all others."""
        return self.cardinalities - 1

    @property
    def smallest(self) -> npt.NDArray[np.int64]:
        """Index vector of the architecture that all others contain."""
        return np.zeros(len(self.decisions), dtype=np.int64)
