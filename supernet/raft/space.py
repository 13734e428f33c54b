"""Spaces of encoders around RAFT's head."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from luts.space import Architecture
from supernet.layers.choice import EncoderChoice
from supernet.space import SearchSpace

if TYPE_CHECKING:
    from supernet.raft.network import FlowNetwork


class FlowSpace(SearchSpace):
    """A `SearchSpace` of flow networks.

    Attributes:
        iterations: recurrent updates of a deployed network.
    """

    iterations: int

    @abc.abstractmethod
    def encoder_choice(self, architecture: Architecture) -> EncoderChoice:
        """The cells that an architecture stands for."""

    @abc.abstractmethod
    def build(self, architecture: Architecture) -> FlowNetwork:
        """See `SearchSpace`."""

    @abc.abstractmethod
    def build_reference(self) -> FlowNetwork:
        """See `SearchSpace`."""

    @abc.abstractmethod
    def build_supernet(self) -> FlowNetwork:
        """See `SearchSpace`."""

    @abc.abstractmethod
    def inherit(self, supernet: FlowNetwork, architecture: Architecture) -> FlowNetwork:
        """See `SearchSpace`."""

    def activate(self, supernet: FlowNetwork, architecture: Architecture) -> None:
        """See `SearchSpace`."""
        from supernet.spaces._encoder import ElasticEncoder

        choice = self.encoder_choice(architecture)
        for encoder in (supernet.fnet, supernet.cnet):
            cast(ElasticEncoder, encoder).choice = choice

    def baselines(self) -> Mapping[str, Callable[[], FlowNetwork]]:
        """See `SearchSpace`."""
        from supernet.candidates import raft_small

        return {"raft": self.build_reference, "raft-small": lambda: raft_small(self.iterations)}
