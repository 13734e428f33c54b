"""What an estimate from afar says of a target that is measured: estimate beside measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from luts.errors import UserError

if TYPE_CHECKING:
    from evolution.plan import Plan


class Foretold(BaseModel):
    """The estimate of a target's latencies that a search without its table would have gone by.

    Attributes:
        best_ms: of the winner.
        best_upper_ms: its upper bound.
        reference_ms: of the reference.
        reference_upper_ms: its upper bound.
        evidence: measurements behind the estimate, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    best_ms: float
    best_upper_ms: float
    reference_ms: float
    reference_upper_ms: float
    evidence: str


def foretold(plan: Plan, vector: Sequence[int]) -> Foretold | None:
    """The estimate of a network on a target that has a measured table.

    Args:
        plan: of the search.
        vector: choice indices of the network.

    Returns:
        None where there is no estimate of that target, its precision or its kind of operators; or
        where the search went by it.
    """
    from predictor.unmeasured.record import load_laws
    from predictor.unmeasured.table import LEVEL, EstimatedPredictor, estimate_table

    info, book = plan.table.info, load_laws()
    if plan.estimated or plan.settings.target not in book.targets or plan.settings.threads != 1:
        return None
    try:
        table = estimate_table(plan.space, plan.settings.target, info.precision, book)
        margin = book.margins(plan.settings.target, info.precision, LEVEL, plan.space.batch)[1]
        predictor = EstimatedPredictor(plan.space, table, LEVEL, margin)
    except UserError:  # no level of that precision, or an operator that the law does not know
        return None
    best = predictor.predict(np.array([vector], dtype=np.int64))
    reference_ms, reference_upper_ms = predictor.predict_reference()
    return Foretold(
        best_ms=float(best.latency_ms[0]), best_upper_ms=float(best.upper_ms[0]),
        reference_ms=reference_ms, reference_upper_ms=reference_upper_ms,
        evidence=table.info.evidence,
    )
