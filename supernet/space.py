"""The SearchSpace seam: an `OperatorSpace` that also builds networks."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from luts.lowered import lowered
from luts.operator import PlacedOperator
from luts.space import Architecture, OperatorSpace

if TYPE_CHECKING:
    from supernet.network import Network


class SearchSpace(OperatorSpace):
    """Decisions, their lowering, and the networks behind them."""

    input_height: int
    input_width: int

    @abc.abstractmethod
    def build(self, architecture: Architecture) -> Network:
        """A stand-alone network with fresh weights."""

    @abc.abstractmethod
    def build_reference(self) -> Network:
        """The hand-designed baseline with fresh weights."""

    @abc.abstractmethod
    def build_supernet(self) -> Network:
        """The weight-sharing network."""

    @abc.abstractmethod
    def activate(self, supernet: Any, architecture: Architecture) -> None:
        """Makes a network of `build_supernet` run as an architecture."""

    @abc.abstractmethod
    def inherit(self, supernet: Any, architecture: Architecture) -> Network:
        """A stand-alone network with the weights of a `build_supernet` for an architecture."""

    def baselines(self) -> Mapping[str, Callable[[], Network]]:
        """What builds each hand-designed network, by name; the first is the reference."""
        return {"baseline": self.build_reference}

    def published(self) -> Mapping[str, Architecture]:
        """Architectures of this space that its paper names, by name."""
        return {}

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Decisions that belong together, such as those of one layer, by their indices.

        Together they are all decisions, each once. A distribution over architectures may learn
        what goes well together within a group; groups are independent of each other.
        """
        return tuple((index,) for index in range(len(self.decisions)))

    @property
    def largest(self) -> npt.NDArray[np.int64]:
        """Index vector of the architecture that contains all others."""
        return self.cardinalities - 1

    @property
    def smallest(self) -> npt.NDArray[np.int64]:
        """Index vector of the architecture that all others contain."""
        return np.zeros(len(self.decisions), dtype=np.int64)

    def lower_all(self) -> list[PlacedOperator]:
        """The operators of every choice: exports name their nodes by these whatever was chosen."""
        return [item for rows in lowered(self) for placed in rows for item in placed]
