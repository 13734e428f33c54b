"""Energy of an inference, learned from the networks of a table whose device tells it."""

from __future__ import annotations

import numpy as np

from evolution.strategies.base import Floats
from luts.errors import UserError
from luts.estimated import EstimatedTable
from luts.space import OperatorSpace
from luts.table import LatencyTable

LEVEL = 0.95
_FOLDS = 5


def energy_rows(
    space: OperatorSpace, table: LatencyTable | EstimatedTable
) -> tuple[list[Floats], float]:
    """Upper bounds of energies as sums over factors.

    Energy is a base and non-negative shares of table latency, operations and bytes moved (least
    squares on relative errors), times the conformal margin of its errors on networks left out.

    Args:
        space: is lowered once.
        table: holds whole networks with their energy.

    Returns:
        Per factor, mJ of each row of ``space.factor_choices(factor)``, each of shape ``(rows,)``,
        the margin and, in the first factor, the base included; and the reference's mJ, as measured
        where it was, without the margin where it was not.

    Raises:
        UserError: the table has no energy, or that of too few networks.
    """
    from predictor.conformal import fewest_scores, upper_quantile
    from predictor.costs import FactorCosts

    known = [s for s in table.networks if s.energy_mj is not None and s.vector is not None]
    where = f"the table of '{table.info.recipe}' on '{table.info.target}'"
    if isinstance(table, EstimatedTable) or not known:
        raise UserError(f"--energy-mj: {where} has no energy; its device did not tell any")
    if len(known) < fewest_scores(LEVEL):
        raise UserError(f"--energy-mj: {where} has the energy of {len(known)} networks only; a "
                        f"bound needs {fewest_scores(LEVEL)}")
    costs = FactorCosts.build(space, table)
    vectors = np.array([s.vector for s in known], dtype=np.int64)
    energy_mj = np.array([s.energy_mj for s in known], dtype=np.float64)
    sums = np.sum(costs.gather(vectors), axis=0)[:3].T
    features = np.column_stack([np.ones(len(sums)), sums])
    fold = np.arange(len(known)) % _FOLDS
    scores = np.empty(len(known))
    for number in range(_FOLDS):
        out = fold == number
        weights = _fitted(features[~out], energy_mj[~out])
        scores[out] = np.log(energy_mj[out] / (features[out] @ weights))
    weights = _fitted(features, energy_mj)
    margin = float(np.exp(max(0.0, upper_quantile(scores, LEVEL))))
    rows = [np.asarray(block[:, :3] @ weights[1:] * margin) for block in costs.blocks]
    rows[0] = rows[0] + weights[0] * margin
    return rows, _reference_mj(space, table, weights)


def _fitted(features: Floats, energy_mj: Floats) -> Floats:
    """Non-negative weights of least relative error; columns are scaled alike first."""
    from scipy.optimize import nnls

    relative = features / energy_mj[:, None]
    scale = relative.max(axis=0)
    scale[scale == 0] = 1.0
    weights, _ = nnls(relative / scale, np.ones(len(features)))
    return np.asarray(weights / scale)


def _reference_mj(space: OperatorSpace, table: LatencyTable, weights: Floats) -> float:
    measured = [s.energy_mj for s in table.networks if s.vector is None and s.energy_mj is not None]
    if measured:
        return float(np.median(measured))
    placed = space.lower_reference()
    flops = sum(p.operator.flops * p.repeats for p in placed) / 1e9
    moved = sum(p.operator.bytes_moved * p.repeats for p in placed) / 1e6
    latency_ms = table.latency_ms(placed) - table.info.overhead_ms
    return float(weights @ np.array([1.0, latency_ms, flops, moved]))
