"""The table of a campaign, complete or partial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from luts.records import Drift, LatencyRow, NetworkSample, TableInfo
from luts.space import OperatorSpace
from luts.table import LatencyTable
from profiler._assemble import (
    by_network,
    disturbed_share,
    lower_planned,
    network_samples,
    operator_rows,
    repeat_noise,
)
from profiler._slowness import Slowness
from profiler._state import CampaignState
from profiler.plan import Plan

# A few disturbed networks are lost among the others. More would teach the load, not the device,
# unless it is a steady one: then the table tells what this shared machine gives.
_MOST_DISTURBED = 0.1
_STEADY_NOISE = 0.02


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
    slowness = Slowness.fit(state.visits, state.canaries)
    factor = slowness.of
    visits = by_network(state.visits)
    noise = repeat_noise(visits, factor)
    samples = network_samples(plan, visits, factor,
                              lambda visit: slowness.pace.slowness(visit.pace_ms))
    rows = operator_rows(space, plan, visits, factor)
    settings = header["settings"]
    info = TableInfo(
        target=settings["target"], recipe=plan.recipe, space_hash=plan.space_hash,
        device=header["device"], runtime=header["runtime"],
        runtime_version=header["runtime_version"], precision=settings["precision"],
        batch=settings["batch"], threads=settings["threads"], code_hash=header["code_hash"],
        plan_hash=plan.hash, created=state.created, complete=complete,
        drift=_verdict(slowness.drift, disturbed_share(visits), noise), pace=slowness.pace,
        noise=noise,
        overhead_ms=_overhead_ms(space, plan, visits, samples, rows),
        failures=dict(Counter(failure.error for failure in state.failures)),
        settings=_flat(settings) | {"seed": plan.seed},
    )
    return LatencyTable(info, rows, samples)


def _verdict(drift: Drift, disturbed: float, noise: float) -> Drift:
    spoilt = disturbed > _MOST_DISTURBED and noise > _STEADY_NOISE
    verdict = "disturbed" if drift.usable and spoilt else drift.verdict
    return drift.model_copy(update={"verdict": verdict, "disturbed": disturbed})


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
