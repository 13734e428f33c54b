"""A library as rows to learn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luts._costs import has_cost
from luts.library import OperatorLibrary
from luts.operator import Operator
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats

# Steps that only rename what is there would make the memory look infinitely fast.
_VIEWS = ("view", "split", "gather")
# Below this the clock's grain would decide the rates.
_TINY_MS = 0.02
_CACHE_MB = 2.0


@dataclass(frozen=True)
class LibraryRows:
    """One row per network and operator: the median of its places there.

    Attributes:
        operators: operator of each row.
        latency_ms: shape ``(rows,)``.
        networks: number of each row's network, shape ``(rows,)``.
        learnable: whether the operator's kind has a rule of costs, shape ``(rows,)``.
    """

    operators: list[Operator]
    latency_ms: Floats
    networks: npt.NDArray[np.int64]
    learnable: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, library: OperatorLibrary) -> LibraryRows:
        """Rows of a library."""
        places: dict[tuple[int, Operator], list[float]] = defaultdict(list)
        for step in library.occurrences:
            places[step.network, step.operator].append(step.latency_ms)
        return cls(
            [operator for _, operator in places],
            np.array([float(np.median(times)) for times in places.values()]),
            np.array([network for network, _ in places]),
            np.array([has_cost(operator.kind) for _, operator in places]),
        )

    def without(self, held: Collection[int]) -> LibraryRows:
        """The rows of all networks but some."""
        keep = ~np.isin(self.networks, list(held))
        return LibraryRows([o for o, kept in zip(self.operators, keep, strict=True) if kept],
                           self.latency_ms[keep], self.networks[keep], self.learnable[keep])

    def to_learn(self) -> tuple[list[Operator], Floats, npt.NDArray[np.int64]]:
        """Operators, latencies in ms and networks of the learnable rows."""
        own = self.learnable
        return ([o for o, kept in zip(self.operators, own, strict=True) if kept],
                self.latency_ms[own], self.networks[own])

    def measured(self) -> dict[Operator, float]:
        """Operator to its median over networks, in ms."""
        found: dict[Operator, list[float]] = defaultdict(list)
        for operator, latency_ms in zip(self.operators, self.latency_ms, strict=True):
            found[operator].append(float(latency_ms))
        return {operator: float(np.median(times)) for operator, times in found.items()}

    def device(self, name: str, threads: int) -> DeviceFacts:
        """Facts of the device as its operators reached them.

        Raises:
            UserError: no operator does any arithmetic.
        """
        real = [
            i for i, operator in enumerate(self.operators)
            if self.learnable[i] and operator.kind not in _VIEWS and self.latency_ms[i] > _TINY_MS
        ]
        return DeviceFacts.reached(name, [self.operators[i] for i in real], self.latency_ms[real],
                                   multiprocessors=threads, l2_mb=_CACHE_MB)
