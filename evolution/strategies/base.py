"""The seam of a search strategy: ask for architectures, tell how they did."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from luts.registry import Registry
from luts.space import OperatorSpace, Vectors

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Vector = tuple[int, ...]


class LegalRegion(Protocol):
    """What a strategy may propose; `evolution.region.Region` is the real one."""

    space: OperatorSpace

    def allowed(self, vectors: Vectors) -> Mask:
        """Which architectures keep every constraint, shape ``(count,)``."""
        ...

    def draw(self, rng: np.random.Generator, count: int, seen: set[Vector]) -> Vectors:
        """Fresh random allowed architectures, at most ``count``, none of them in ``seen``."""
        ...


class StrategySettings(BaseModel, abc.ABC):
    """Options of a strategy, as a recipe gives them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    @abc.abstractmethod
    def evaluations(self) -> int:
        """Architectures that a whole search scores with these options."""


class Strategy(abc.ABC):
    """Proposes architectures; equal seeds and equal answers give equal proposals.

    Args:
        region: what may be proposed.
        settings: an instance of the class's ``Settings``.
        seed: of all its random choices.
    """

    Settings: ClassVar[type[StrategySettings]]

    def __init__(self, region: LegalRegion, settings: Any, seed: int) -> None:
        self.region = region
        self.settings = settings
        self.seed = seed

    @property
    @abc.abstractmethod
    def batch(self) -> int:
        """How many architectures it likes to be asked for at once."""

    @abc.abstractmethod
    def ask(self, count: int) -> Vectors:
        """Proposes architectures that are allowed and were never proposed before.

        Args:
            count: how many are wanted.

        Returns:
            Index vectors, int64 of shape ``(n, decisions)``, ``n <= count``; ``n == 0`` when
            nothing new is left.
        """

    @abc.abstractmethod
    def tell(self, vectors: Vectors, fitness: Floats) -> None:
        """Reports results.

        Args:
            vectors: architectures that it proposed, shape ``(n, decisions)``.
            fitness: smaller is better; infinite for one that could not be scored, shape ``(n,)``.
        """

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """All that it knows, as JSON."""

    @abc.abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` gave; what follows is as if it had never stopped."""


STRATEGIES: Registry[Strategy] = Registry(
    "strategy",
    "metronas.strategies",
    {"evolution": "evolution.strategies.evolution:Evolution"},
)
