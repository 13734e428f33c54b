"""The table of a campaign, complete or partial."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from luts.records import LatencyRow, NetworkSample, TableInfo
from luts.space import OperatorSpace
from luts.table import LatencyTable
from profiler._assemble import (
    by_network,
    lower_planned,
    network_samples,
    operator_rows,
    repeat_noise,
)
from profiler._canary import Canary
from profiler._state import CampaignState
from profiler.plan import Plan


def build_table(
    space: OperatorSpace, plan: Plan, state: CampaignState, header: dict[str, Any],
    *, complete: bool,
) -> LatencyTable:
    """Builds the table from the journal alone, so that a resumed campaign gives the same.

    Args:
        space: the space that was measured.
        plan: what was planned.
        state: what was measured.
        header: provenance; see `profiler.campaign.Campaign.header`.
        complete: whether every planned network was measured.
    """
    canary = Canary([c.date_s for c in state.canaries], [c.latency_ms for c in state.canaries])
    factor = canary.factor()
    visits = by_network(state.visits)
    samples = network_samples(plan, visits, factor)
    rows = operator_rows(space, plan, visits, factor)
    settings = header["settings"]
    info = TableInfo(
        target=settings["target"], recipe=plan.recipe, space_hash=plan.space_hash,
        device=header["device"], runtime=header["runtime"],
        runtime_version=header["runtime_version"], precision=settings["precision"],
        batch=settings["batch"], threads=settings["threads"], code_hash=header["code_hash"],
        plan_hash=plan.hash, created=state.created, complete=complete, drift=canary.drift(),
        noise=repeat_noise(visits, factor),
        overhead_ms=_overhead_ms(space, plan, visits, samples, rows),
        settings=_flat(settings) | {"seed": plan.seed},
    )
    return LatencyTable(info, rows, samples)


def _overhead_ms(
    space: OperatorSpace, plan: Plan, networks: Iterable[int],
    samples: Sequence[NetworkSample], rows: Sequence[LatencyRow],
) -> float:
    """What the sum of rows leaves unexplained, the median over networks.

    That is the time between nodes, and the amount by which a sum of medians falls short of the
    median of a sum, because latencies are skewed.
    """
    latency_ms = {row.operator: row.latency_ms for row in rows}
    left = [
        sample.latency_ms - sum(
            latency_ms[placed.operator] * placed.repeats
            for placed in lower_planned(space, plan.networks[network])
        )
        for network, sample in zip(networks, samples, strict=True)
    ]
    return float(np.median(left))


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat
