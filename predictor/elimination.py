"""The least sum of functions that share few variables, exactly and without a solver.

Variable elimination (Bertele and Brioschi, "Nonserial Dynamic Programming", 1972): one variable
after the other is replaced by a table of the best that it can do for every setting of those that it
meets. Along a chain that is the Viterbi algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Entries of the largest table that is made.
MOST = 2**20


def eliminate(
    scopes: Sequence[tuple[int, ...]], costs: Sequence[Floats], sizes: npt.NDArray[np.int64]
) -> dict[int, int] | None:
    """Values of variables with the least sum of costs.

    Args:
        scopes: variables of each function, none twice in one.
        costs: values of each function, one axis a variable of its scope.
        sizes: number of values of each variable that occurs, by its number.

    Returns:
        Value of each variable; None where a table would hold more than ``MOST`` entries.
    """
    left = list(zip(scopes, costs, strict=True))
    settled: list[tuple[int, tuple[int, ...], Floats]] = []
    variables = {variable for scope in scopes for variable in scope}
    while variables:
        meets = {v: sorted({u for scope, _ in left if v in scope for u in scope} - {v})
                 for v in sorted(variables)}
        variable = min(meets, key=lambda v: prod(int(sizes[u]) for u in meets[v]))
        scope = (*meets[variable], variable)
        if prod(int(sizes[u]) for u in scope) > MOST:
            return None
        total = np.zeros([int(sizes[u]) for u in scope])
        for own, values in (item for item in left if variable in item[0]):
            total = total + _spread(own, values, scope)
        left = [item for item in left if variable not in item[0]]
        left.append((scope[:-1], total.min(axis=-1)))
        settled.append((variable, scope[:-1], total.argmin(axis=-1)))
        variables.remove(variable)
    found: dict[int, int] = {}
    for variable, scope, best in reversed(settled):
        found[variable] = int(best[tuple(found[u] for u in scope)])
    return found


def _spread(own: tuple[int, ...], values: Floats, scope: tuple[int, ...]) -> Floats:
    """A function's values with the axes of a larger scope, of size 1 where it lacks them."""
    order = sorted(range(len(own)), key=lambda axis: scope.index(own[axis]))
    shape = [values.shape[own.index(u)] if u in own else 1 for u in scope]
    return values.transpose(order).reshape(shape)
