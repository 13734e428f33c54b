"""The numeric side of a search space: decisions, integer vectors, additive lowering.

Everything here works without torch, so that the profiler and the predictor can plan, lower and
sum tables without loading a network. `supernet.space.SearchSpace` adds the networks.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from luts.decisions import Architecture, Choice, Decision, Factor, Idle
from luts.errors import UserError
from luts.operator import PlacedOperator

__all__ = ["Architecture", "Choice", "Decision", "Factor", "Folding", "Idle", "OperatorSpace",
           "Vectors"]

Vectors = npt.NDArray[np.int64]


@runtime_checkable
class Folding(Protocol):
    """A space whose operators hold fewer weights than its networks, since norms are folded away."""

    def folded_parameters(self, factor: Factor | None, choices: Sequence[Choice] = ()) -> int:
        """Weights that a factor of a network has beyond those of its operators.

        Args:
            factor: of the space; None for the whole hand-designed baseline.
            choices: values chosen for the factor's decisions.
        """
        ...


@runtime_checkable
class FoldingOperators(Folding, Protocol):
    """One that knows of single operators what was folded into them."""

    def folded_into(self, placed: Sequence[PlacedOperator]) -> int:
        """Weights of the norms that were folded into operators."""
        ...


class OperatorSpace(abc.ABC):
    """Encodes architectures as integer vectors and lowers them, factor by factor.

    An architecture's operators are the concatenation of its factors' operators, but for what is
    `idle`. Because a factor sees few decisions, a whole population is lowered by table gathers,
    and an additive cost is an exact integer programme.
    """

    name: str
    batch: int = 1
    decisions: tuple[Decision, ...]
    factors: tuple[Factor, ...]

    @abc.abstractmethod
    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        """Operators of one factor under the values chosen for ``factor.decisions``."""

    @abc.abstractmethod
    def lower_reference(self) -> list[PlacedOperator]:
        """Operators of the hand-designed baseline that searches are compared with."""

    @abc.abstractmethod
    def export_onnx(self, architecture: Architecture | None, path: Path) -> None:
        """Writes an ONNX model with random weights for timing (None: the reference).

        Node names begin with the path of the PlacedOperator that they belong to, followed by
        ``/``.
        """

    def at_batch(self, batch: int) -> Self:
        """The same space, lowered and exported for several inputs per inference.

        Args:
            batch: inputs per inference.

        Raises:
            UserError: it is less than 1, or the space is made for one input only.
        """
        if batch != 1:
            raise UserError(f"space '{self.name}' is measured at batch 1, not {batch}")
        return self

    @property
    def size(self) -> int:
        """Number of architectures."""
        return prod(len(decision.choices) for decision in self.decisions)

    @cached_property
    def cardinalities(self) -> npt.NDArray[np.int64]:
        """Number of choices of each decision, shape ``(decisions,)``."""
        return np.array([len(decision.choices) for decision in self.decisions], dtype=np.int64)

    def sample(self, rng: np.random.Generator, count: int) -> Vectors:
        """Uniform random architectures as index vectors, shape ``(count, decisions)``."""
        return rng.integers(0, self.cardinalities, size=(count, len(self.decisions)))

    def decode(self, vector: npt.NDArray[np.int64]) -> Architecture:
        """Architecture of an index vector of shape ``(decisions,)``.

        Raises:
            UserError: wrong length, or an index outside its decision.
        """
        values = [int(index) for index in vector]
        if len(values) != len(self.decisions):
            raise UserError(
                f"space {self.name} has {len(self.decisions)} decisions, got {len(values)} values"
            )
        pairs = []
        for decision, index in zip(self.decisions, values, strict=True):
            if not 0 <= index < len(decision.choices):
                raise UserError(f"index {index} of {decision.name} is outside {decision.choices}")
            pairs.append((decision.name, decision.choices[index]))
        return Architecture(self.name, tuple(pairs))

    def encode(self, architecture: Architecture) -> npt.NDArray[np.int64]:
        """Index vector of an architecture, shape ``(decisions,)``."""
        return np.array(
            [
                decision.choices.index(architecture[decision.name])
                for decision in self.decisions
            ],
            dtype=np.int64,
        )

    def architecture(self, choices: Mapping[str, Choice]) -> Architecture:
        """Checks a mapping from decision to value, as read from JSON.

        Raises:
            UserError: a decision is missing or unknown, or a value is not among its choices.
        """
        names = {decision.name for decision in self.decisions}
        if set(choices) != names:
            odd = sorted(set(choices) ^ names)
            raise UserError(f"architecture of space {self.name}: missing or unknown {odd}")
        for decision in self.decisions:
            if choices[decision.name] not in decision.choices:
                raise UserError(
                    f"{decision.name}={choices[decision.name]!r} is not one of {decision.choices}"
                )
        return Architecture(self.name, tuple((d.name, choices[d.name]) for d in self.decisions))

    def lower(self, architecture: Architecture) -> list[PlacedOperator]:
        """All operators of one architecture, in order of execution."""
        placed: list[PlacedOperator] = []
        for factor in self.factors:
            choices = [architecture[self.decisions[i].name] for i in factor.decisions]
            placed += self.lower_factor(factor, choices)
        return placed

    def idle(self, vectors: Vectors) -> list[Idle]:
        """What factors count, and `lower` leaves out because of decisions of other factors.

        Args:
            vectors: index vectors, shape ``(count, decisions)``.
        """
        return []

    def factor_choices(self, factor: Factor) -> list[tuple[Choice, ...]]:
        """Every combination of a factor's decisions; the last decision varies fastest."""
        combos: list[tuple[Choice, ...]] = [()]
        for index in factor.decisions:
            combos = [(*c, value) for c in combos for value in self.decisions[index].choices]
        return combos

    def factor_rows(self, factor: Factor, vectors: Vectors) -> npt.NDArray[np.int64]:
        """Row of each architecture in `factor_choices(factor)`, shape ``(count,)``."""
        rows = np.zeros(len(vectors), dtype=np.int64)
        for index in factor.decisions:
            rows = rows * self.cardinalities[index] + vectors[:, index]
        return rows
