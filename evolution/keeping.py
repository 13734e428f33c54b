"""How a network keeps the constraints of its search, for the result."""

from __future__ import annotations

import numpy as np

from evolution.goals import Goal
from evolution.plan import Plan
from evolution.requirements import QuantityRequirement
from evolution.result import LimitResult
from evolution.strategies.base import Vector
from evolution.verification import Check
from luts.space import Vectors


def kept_limits(
    plan: Plan, vector: Vector, check: Check, parameters: int
) -> tuple[LimitResult, ...]:
    """Every constraint with its limit, what was predicted and what was measured.

    Args:
        plan: the search; its constraints stand as verification left them.
        vector: the network's choice indices.
        check: what was found about it.
        parameters: weights of the network, counted.
    """
    row = np.array([vector], dtype=np.int64)
    measured = {name: latency.median_ms for name, latency in check.also.items()}
    if check.best is not None:
        measured[plan.goal.latency.label] = check.best.median_ms
    found = [_latency(goal, row, measured.get(goal.latency.label))
             for goal in (plan.goal, *plan.also)]
    for requirement in plan.requirements:
        if isinstance(requirement, QuantityRequirement):
            value = float(requirement.values(row)[0])
            found.append(LimitResult(
                name=requirement.name, limit=requirement.top, predicted=value, upper=value,
                reference=requirement.quantity.reference,
                measured=float(parameters) if requirement.name == "parameters" else None,
            ))
    return tuple(found)


def _latency(goal: Goal, row: Vectors, measured_ms: float | None) -> LimitResult:
    latency = goal.latency
    predicted = latency.predictor.predict(row)
    return LimitResult(
        name="latency_ms", target=latency.label, limit=latency.budget_ms,
        predicted=float(predicted.latency_ms[0]),
        upper=float(predicted.upper_ms[0]) * latency.correction,
        reference=latency.predictor.predict_reference()[0], measured=measured_ms,
    )
