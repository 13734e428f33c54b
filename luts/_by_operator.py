"""Rows that are found by their operator, each once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from luts.errors import MissingOperatorError, UserError
from luts.operator import Operator


class _Row(Protocol):
    @property
    def operator(self) -> Operator: ...


RowT = TypeVar("RowT", bound=_Row)


class RowsByOperator(ABC, Generic[RowT]):
    """What a measured table and an estimated one have in common; immutable.

    Attributes:
        rows: in the order of their operators' keys.

    Args:
        rows: one per operator.

    Raises:
        UserError: an operator occurs twice.
    """

    def __init__(self, rows: Sequence[RowT]) -> None:
        self.rows = tuple(sorted(rows, key=lambda row: row.operator.key))
        self._by_operator = {row.operator: row for row in self.rows}
        if len(self._by_operator) < len(self.rows):
            raise UserError("an operator occurs twice in the table")

    def __getitem__(self, operator: Operator) -> RowT:
        """Row of an operator.

        Raises:
            MissingOperatorError: the table does not have it.
        """
        try:
            return self._by_operator[operator]
        except KeyError:
            raise MissingOperatorError(
                f"operator {operator.key} is not in {self._described()} "
                f"({len(self.rows)} operators); {self._remedy()}"
            ) from None

    def __contains__(self, operator: Operator) -> bool:
        return operator in self._by_operator

    @abstractmethod
    def _described(self) -> str:
        """Which table this is, for a sentence."""

    @abstractmethod
    def _remedy(self) -> str:
        """What gives a table that has the operator."""
