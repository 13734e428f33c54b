"""The fastest and the slowest architecture of an additive table, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from luts.space import OperatorSpace
from predictor.elimination import eliminate

Floats = npt.NDArray[np.float64]
Vector = npt.NDArray[np.int64]


def minimise(space: OperatorSpace, costs: Sequence[Floats]) -> Vector:
    """Architecture with the least sum of factor costs.

    Decisions that only one factor sees are settled within it. What is left, the decisions that
    factors share, are eliminated one by one (`predictor.elimination`) or, where too many hang
    together for that, are an integer programme with one binary per remaining factor row and one
    equation per shared value, solved by HiGHS to optimality.

    Args:
        space: the space.
        costs: per factor, the cost of each row of ``space.factor_choices(factor)``, each of
            shape ``(rows,)``; negate them for the largest sum.

    Returns:
        Index vector, shape ``(decisions,)``; decisions that no factor sees are 0.

    Raises:
        UserError: the costs do not fit the space, or are not finite.
    """
    factors = space.factors
    sizes = [tuple(int(space.cardinalities[i]) for i in f.decisions) for f in factors]
    for factor, size, cost in zip(factors, sizes, costs, strict=True):
        if cost.shape != (int(np.prod(size)),) or not np.isfinite(cost).all():
            raise UserError(f"costs of factor {factor.name} are not {size} finite numbers")
    seen = [i for factor in factors for i in factor.decisions]
    shared = {i for i in seen if seen.count(i) > 1}
    vector = np.zeros(len(space.decisions), dtype=np.int64)

    kept = [tuple(i for i in f.decisions if i in shared) for f in factors]
    reduced, settled = [], []
    for factor, size, cost, keep in zip(factors, sizes, costs, kept, strict=True):
        private = tuple(k for k, i in enumerate(factor.decisions) if i not in shared)
        cube = np.moveaxis(cost.reshape(size), private, range(-len(private), 0))
        flat = cube.reshape(*(int(space.cardinalities[i]) for i in keep), -1)
        reduced.append(flat.min(axis=-1))
        settled.append(flat.argmin(axis=-1))

    found = eliminate(kept, reduced, space.cardinalities)
    rows = (_choose_rows(kept, reduced) if found is None
            else [tuple(found[i] for i in keep) for keep in kept])
    for factor, keep, best, row in zip(factors, kept, settled, rows, strict=True):
        vector[list(keep)] = row
        private_ids = [i for i in factor.decisions if i not in shared]
        ranges = tuple(int(space.cardinalities[i]) for i in private_ids)
        vector[private_ids] = np.unravel_index(int(best[row]), ranges) if ranges else ()
    return vector


def _choose_rows(
    kept: Sequence[tuple[int, ...]], costs: Sequence[npt.NDArray[np.float64]]
) -> list[tuple[int, ...]]:
    """One index tuple per factor, consistent over the decisions that factors share."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    offsets = np.cumsum([0, *(cost.size for cost in costs)])
    equations: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]] = []
    rights: list[float] = []
    owner: dict[int, int] = {}
    for f, (keep, cost) in enumerate(zip(kept, costs, strict=True)):
        columns = np.arange(cost.size) + offsets[f]
        equations.append((columns, np.ones(cost.size)))
        rights.append(1.0)
        for axis, decision in enumerate(keep):
            first = owner.setdefault(decision, f)
            if first == f:
                continue
            for value in range(cost.shape[axis]):
                mine = _columns(cost.shape, axis, value) + offsets[f]
                theirs = _columns(costs[first].shape, kept[first].index(decision), value)
                theirs = theirs + offsets[first]
                signs = np.concatenate([np.ones(len(mine)), -np.ones(len(theirs))])
                equations.append((np.concatenate([mine, theirs]), signs))
                rights.append(0.0)
    matrix = coo_array(
        (
            np.concatenate([values for _, values in equations]),
            (
                np.repeat(np.arange(len(equations)), [len(c) for c, _ in equations]),
                np.concatenate([columns for columns, _ in equations]),
            ),
        ),
        shape=(len(equations), int(offsets[-1])),
    )
    weights = np.concatenate([cost.ravel() for cost in costs])
    scale = float(np.abs(weights).max()) or 1.0  # latencies near 1e-3 are near HiGHS's tolerance
    solution = milp(
        weights / scale,
        constraints=LinearConstraint(matrix.tocsr(), rights, rights),
        integrality=np.ones(len(weights)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    if solution.x is None:
        raise ValueError(f"the integer programme over factor rows failed: {solution.message}")
    chosen = []
    for f, cost in enumerate(costs):
        best = int(np.argmax(solution.x[offsets[f] : offsets[f + 1]]))
        chosen.append(tuple(int(i) for i in np.unravel_index(best, cost.shape)))
    return chosen


def _columns(shape: tuple[int, ...], axis: int, value: int) -> npt.NDArray[np.int64]:
    grid = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    return np.asarray(np.take(grid, value, axis=axis).ravel())
