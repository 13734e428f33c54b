"""Whether a budget can be met at all, answered before anything slow is loaded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evolution.constraint import LatencyConstraint, ParameterConstraint
from evolution.optimum import Optimiser
from evolution.region import Region
from evolution.strategies.base import Floats
from luts.errors import InfeasibleError
from luts.space import OperatorSpace, Vectors

_STEPS = 100
# Bounds are not quite additive; nearer than this to the budget the draw has the last word.
_DOUBT = 1.02


def descend(
    space: OperatorSpace, start: npt.NDArray[np.int64], cost: Callable[[Vectors], Floats]
) -> npt.NDArray[np.int64]:
    """Changes one decision at a time for the better until none helps.

    Args:
        space: the space.
        start: index vector, shape ``(decisions,)``.
        cost: costs of a population, shape ``(count,)``.

    Returns:
        Index vector whose cost no single change lowers (after at most 100 changes).
    """
    current = start
    current_cost = float(cost(current[None])[0])
    for _ in range(_STEPS):
        around = _neighbours(space, current)
        costs = cost(around)
        best = int(np.argmin(costs))
        if not costs[best] < current_cost:
            break
        current, current_cost = around[best], float(costs[best])
    return current


def feasible_region(
    space: OperatorSpace,
    latency: LatencyConstraint,
    parameters: ParameterConstraint | None,
    *,
    target: str,
) -> Region:
    """The region that keeps every constraint, known to hold at least one architecture.

    Args:
        space: the space.
        latency: the budget.
        parameters: limit on weights, if there is one.
        target: target name, for the message.

    Raises:
        InfeasibleError: nothing keeps the constraints; the message gives what can be reached.
    """
    predictor = latency.predictor
    start = predictor.fastest()
    # The exact minimum of the additive table; what the learned correction adds may favour a
    # neighbour.
    fastest = descend(space, start, lambda vectors: predictor.predict(vectors).upper_ms)
    upper_ms = float(predictor.predict(fastest[None]).upper_ms[0])
    upper_ms *= latency.correction
    if not upper_ms <= latency.budget_ms:
        raise InfeasibleError(_too_fast(space, latency, upper_ms, target))
    if parameters is None:
        return Region(space, [latency], np.stack([start, fastest]))
    smallest = descend(space, start, lambda vectors: parameters.count(vectors).astype(np.float64))
    fewest = int(parameters.count(smallest[None])[0])
    if fewest > parameters.limit:
        raise InfeasibleError(
            f"no architecture of {space.name} found has at most {parameters.limit:,} parameters; "
            f"the smallest found has {fewest:,}"
        )
    region = Region(space, [latency, parameters], np.stack([start, fastest, smallest]))
    _check_together(region, latency, parameters, target)
    region.draw(np.random.default_rng(0), 1, set())
    return region


def _check_together(
    region: Region, latency: LatencyConstraint, parameters: ParameterConstraint, target: str
) -> None:
    """Proves that both limits cannot be kept at once, where the additive table says so.

    Raises:
        InfeasibleError: they cannot; the message gives what each limit leaves of the other.
    """
    optimiser = Optimiser(region)
    fast, small = optimiser.least(0), optimiser.least(1)
    if fast is None or small is None:
        return  # one limit alone is out of reach for the table; the draw will tell
    upper_ms = float(latency.predictor.predict(np.array([fast])).upper_ms[0]) * latency.correction
    fewest = int(parameters.count(np.array([small]))[0])
    if upper_ms > latency.budget_ms * _DOUBT and fewest > parameters.limit:
        raise InfeasibleError(
            f"infeasible: no architecture of {region.space.name} has at most "
            f"{parameters.limit:,} parameters and is sure to keep {latency.budget_ms:.3f} ms on "
            f"'{target}'; with so few parameters the lowest upper bound is {upper_ms:.3f} ms, and "
            f"within that latency the fewest parameters are {fewest:,}"
        )


def _too_fast(
    space: OperatorSpace, latency: LatencyConstraint, upper_ms: float, target: str
) -> str:
    low, high = latency.predictor.interval_ms()
    least = np.ceil(upper_ms * 1000) / 1000
    return (
        f"infeasible: no architecture of {space.name} is sure to keep {latency.budget_ms:.3f} ms "
        f"on '{target}'; predictions reach from {low:.3f} to {high:.3f} ms, and the lowest upper "
        f"bound is {upper_ms:.3f} ms; give at least --latency-ms {least:.3f}"
    )


def _neighbours(space: OperatorSpace, vector: npt.NDArray[np.int64]) -> Vectors:
    rows = []
    for index, cardinality in enumerate(space.cardinalities):
        for choice in range(int(cardinality)):
            if choice != vector[index]:
                row = vector.copy()
                row[index] = choice
                rows.append(row)
    return np.stack(rows) if rows else vector[None]
