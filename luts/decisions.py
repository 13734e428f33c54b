"""The words for what is searched: decisions, architectures, and the parts that decisions settle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Choice = int


@dataclass(frozen=True, slots=True)
class Decision:
    """One named decision and the values it may take.

    Attributes:
        name: such as ``cell1.width``.
        choices: values.
        labels: what each value stands for, where the number alone does not tell (empty: it does).
    """

    name: str
    choices: tuple[Choice, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Architecture:
    """One choice per decision, in the order of the space's decisions."""

    space: str
    choices: tuple[tuple[str, Choice], ...]

    def __getitem__(self, decision: str) -> Choice:
        """The value chosen for a decision."""
        for name, value in self.choices:
            if name == decision:
                return value
        raise KeyError(decision)

    def as_json(self) -> dict[str, Choice]:
        """Plain mapping from decision to value."""
        return dict(self.choices)


@dataclass(frozen=True, slots=True)
class Factor:
    """A part of a network whose operators depend on a few decisions only.

    Attributes:
        name: such as ``cell3``.
        decisions: indices of the decisions that settle its operators (may be empty).
    """

    name: str
    decisions: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Idle:
    """A part of a factor that some architectures have, but do not execute.

    Attributes:
        factor: its name.
        path: of its operators, or of what they are below of.
        where: which architectures, shape ``(count,)``.
    """

    factor: str
    path: str
    where: npt.NDArray[np.bool_]
