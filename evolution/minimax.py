"""The architecture whose largest of several additive sums is least, as an integer programme."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evolution.programme import EXACTLY, INFEASIBLE, Programme
from evolution.strategies.base import Floats, Vector
from luts.errors import UserError


def least_largest(
    programme: Programme,
    sums: Sequence[Sequence[Floats]],
    limits: Sequence[tuple[Sequence[Floats], float]] = (),
) -> Vector | None:
    """Minimises the largest of some sums.

    Args:
        programme: of the space.
        sums: per sum and factor of the space, what each row adds, each of shape ``(rows,)``.
        limits: per limit, the same of what it limits, and what may be used in all.

    Returns:
        The indices of an optimum; None when it is proved that no architecture keeps the limits.

    Raises:
        UserError: the solver found neither a solution nor a proof; the message gives its own.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, hstack, vstack

    values = np.stack([programme.per_row(rows) for rows in sums])
    scale = float(np.abs(values).max()) or 1.0
    count = values.shape[1]
    # One more unknown, in units of the scale: the bound of all sums, which is minimised.
    nothing = csr_array((programme.equations.shape[0], 1))
    bound = np.full((len(values), 1), -1.0)
    constraints = [
        LinearConstraint(hstack([programme.equations, nothing]).tocsr(), programme.rights,
                         programme.rights),
        LinearConstraint(csr_array(np.hstack([values / scale, bound])), -np.inf, 0),
    ]
    if limits:
        rows = [csr_array(np.append(programme.per_row(uses), 0.0)[None]) for uses, _ in limits]
        constraints.append(LinearConstraint(vstack(rows).tocsr(), -np.inf,
                                            [top for _, top in limits]))
    found = milp(
        np.append(np.zeros(count), 1.0), constraints=constraints,
        integrality=np.append(np.ones(count), 0.0),
        bounds=Bounds(np.append(np.zeros(count), -np.inf), np.append(np.ones(count), np.inf)),
        options=EXACTLY,
    )
    if found.status == INFEASIBLE:
        return None
    if found.x is None:
        raise UserError(f"the integer programme over {count} rows of {programme.space.name} "
                        f"ended without solution or proof: {found.message}")
    return programme.vector_of(found.x[:-1])
