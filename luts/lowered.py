"""All operators of a space, lowered once for whoever asks: digests, tables, counts, memory."""

from __future__ import annotations

from functools import lru_cache

from luts.operator import PlacedOperator
from luts.space import OperatorSpace

Placed = tuple[PlacedOperator, ...]
# A search knows one space, a transfer or a comparison a few.
_SPACES = 8


@lru_cache(maxsize=_SPACES)
def lowered(space: OperatorSpace) -> tuple[tuple[Placed, ...], ...]:
    """Operators of every factor row; they are kept, so rows had better share what is alike.

    Args:
        space: must not change afterwards; a changed copy is another space.

    Returns:
        Per factor, the operators of each row of ``space.factor_choices(factor)``.
    """
    return tuple(
        tuple(tuple(space.lower_factor(factor, choices))
              for choices in space.factor_choices(factor))
        for factor in space.factors
    )
