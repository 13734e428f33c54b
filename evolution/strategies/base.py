"""The seam of a search strategy: ask for architectures, tell how they did."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from luts.registry import Registry
from luts.space import OperatorSpace, Vectors

if TYPE_CHECKING:
    from evolution.constraint import Limit
    from evolution.known import Known

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Vector = tuple[int, ...]


class LegalRegion(Protocol):
    """What a strategy may propose; `evolution.region.Region` is the real one."""

    space: OperatorSpace
    anchors: Vectors

    @property
    def limits(self) -> Sequence[Limit]:
        """The constraints on quantities, of which some may be additive."""
        ...

    def allowed(self, vectors: Vectors) -> Mask:
        """Which architectures keep every constraint, shape ``(count,)``."""
        ...

    def draw(self, rng: np.random.Generator, count: int, seen: set[Vector]) -> Vectors:
        """Fresh random allowed architectures, at most ``count``, none of them in ``seen``."""
        ...

    def repair(self, rng: np.random.Generator, vectors: Vectors) -> tuple[Vectors, Mask]:
        """The same architectures, those above a limit changed toward it, and which are allowed."""
        ...

    def everything(self) -> Vectors | None:
        """All allowed architectures, or None where they are too many to be listed."""
        ...


class StrategySettings(BaseModel, abc.ABC):
    """Options of a strategy, as a recipe gives them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    @abc.abstractmethod
    def evaluations(self) -> int:
        """Architectures that a whole search scores with these options."""


class SampledSettings(StrategySettings):
    """Options of a strategy that scores a number of architectures, whatever it learns of them.

    Attributes:
        samples: architectures of a whole search.
    """

    samples: int = Field(default=200, ge=1)

    @property
    def evaluations(self) -> int:
        """The samples."""
        return self.samples


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
    def objectives(self) -> tuple[str, ...]:
        """Names of what it minimises, the first of them ``fitness``; see `evolution.objectives`."""
        return ("fitness",)

    def inform(self, known: Known) -> None:
        """Is told, before anything is asked, what is known beforehand; most do without.

        Args:
            known: what training tells of architectures without scoring one.

        Raises:
            UserError: the strategy cannot do without some of it; the message names a way out.
            InfeasibleError: what is known leaves nothing that keeps the constraints.
        """
        return None

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
            fitness: smaller is better; infinite for one that could not be scored. Shape ``(n,)``,
                or ``(n, objectives)`` for a strategy that names its `objectives`.

        Raises:
            UserError: another number of results or of objectives, or one that is nan.
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
    {
        "additive": "evolution.strategies.additive:Additive",
        "evolution": "evolution.strategies.evolution:Evolution",
        "exact": "evolution.strategies.exact:Exact",
        "front": "evolution.strategies.front:Front",
        "joint": "evolution.strategies.joint:Joint",
        "nsga2": "evolution.strategies.nsga2:Nsga2",
        "predictor-guided": "evolution.strategies.guided:Guided",
        "progressive-pruning": "evolution.strategies.pruned:ProgressivePruning",
        "random": "evolution.strategies.random:Random",
    },
)
