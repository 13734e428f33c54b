"""Table and predictor that come from an adaptation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from luts.fingerprint import space_hash
from luts.records import Drift, NetworkSample, Pace, TableInfo
from luts.space import OperatorSpace
from luts.spaces import load_space
from luts.table import LatencyTable
from predictor._sessions import Sessions
from predictor.adaptation import OVERHEAD, Adaptation, base_latencies
from predictor.conformal import upper_quantile
from predictor.corrector import Corrector, Method
from predictor.costs import FactorCosts
from predictor.extremes import Floats
from predictor.features import Features
from predictor.metrics import share_within
from predictor.network import NetworkPredictor
from predictor.record import PredictorRecord, Quality


def adapted_table(
    space: OperatorSpace, table: LatencyTable, adaptation: Adaptation, sessions: Sessions,
    measured_ms: Floats, pace: Pace, condition: dict[str, Any],
) -> LatencyTable:
    """The table under the new condition, with the networks that were measured there.

    Args:
        space: the space there.
        table: the table that was adapted.
        adaptation: factors on its rows.
        sessions: what was measured.
        measured_ms: the same at one pace, shape ``(networks,)``.
        pace: usual pace beside them.
        condition: target, precision, batch and threads there.
    """
    from profiler.device import identify_cpu

    old = load_space(table.info.recipe, table.info.batch)
    rows = [adaptation.row(op, ms, row)
            for op, (ms, row) in base_latencies(old, space, table).items()]
    # Each network was met once; what a visit scatters is known from the source's campaign.
    networks = [
        NetworkSample(tuple(int(i) for i in vector), ms, ms, ms, 1, order,
                      slowness=pace.slowness(beside))
        for order, (vector, ms, beside) in enumerate(zip(
            sessions.vectors, measured_ms.tolist(), sessions.pace_ms.tolist(), strict=True))
    ]
    info: TableInfo = table.info.model_copy(update={
        **condition, "space_hash": space_hash(space), "device": identify_cpu(),
        "runtime": sessions.runtime, "runtime_version": sessions.runtime_version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"), "complete": True,
        "drift": Drift(), "pace": pace, "failures": {},
        "overhead_ms": table.info.overhead_ms * adaptation.factors[OVERHEAD],
        "calibrated_from": table.identity,
    })
    return LatencyTable(info, rows, networks)


def adapted_predictor(
    space: OperatorSpace, table: LatencyTable, adaptation: Adaptation, measured_ms: Floats,
    sessions: Sessions, level: float, seed: int,
) -> NetworkPredictor:
    """The sum of the adapted table, with a bound from networks that it had not seen.

    Args:
        space: the space.
        table: adapted table.
        adaptation: where it comes from.
        measured_ms: the measured networks at one pace, shape ``(networks,)``.
        sessions: the same as the clock showed them.
        level: share of fresh measurements below the bound.
        seed: seed of the draws, for the record.
    """
    costs = FactorCosts.build(space, table)
    names = Features(costs).names
    relative = np.abs(adaptation.unseen_ms / measured_ms - 1)
    spread = upper_quantile(np.log(measured_ms / adaptation.unseen_ms), level)
    slowest = max(0.0, float(np.log(np.percentile(sessions.latency_ms / measured_ms, 95))))
    nothing = np.zeros(len(names))
    record = PredictorRecord(
        target=table.info.target, recipe=table.info.recipe, table_identity=table.identity,
        level=level, seed=seed, margin=spread + slowest, speed_margin=slowest,
        networks=len(measured_ms), method=f"calibrated by {adaptation.grouping}", features=names,
        mean=tuple(nothing.tolist()), weights=tuple(nothing.tolist()), intercept=0.0,
        quality=Quality(
            networks=len(measured_ms), mape=float(relative.mean()),
            within_5=share_within(relative, 0.05), within_10=share_within(relative, 0.10),
            sum_mape=float(relative.mean()), method_errors={},
        ),
    )
    return NetworkPredictor(record, costs, Corrector(Method(), nothing, nothing, 0.0))
