"""What an operator costs, before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Work of one operator.

    Attributes:
        flops: operations, a multiply-add counted as 2.
        values_moved: elements read and written at least once, weights included.
        output: shape of the (first) result.
        parameters: weight elements.
    """

    flops: int
    values_moved: int
    output: tuple[int, ...]
    parameters: int = 0
