"""From a journal's records to a latency table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from luts.operator import Operator, PlacedOperator
from luts.records import LatencyRow, NetworkSample
from luts.space import OperatorSpace
from profiler._records import VisitRecord
from profiler._robust import sigma
from profiler.plan import Plan, PlannedNetwork

# Two visits of one network that differ by more than this are settled by a third.
_DISAGREE = 0.03
_DISAGREE_SIGMAS = 4.0
_STATE = ("frequency_mhz", "temperature_c", "power_w", "energy_mj")


def lower_planned(space: OperatorSpace, item: PlannedNetwork) -> list[PlacedOperator]:
    """Operators of a planned network."""
    if item.vector is None:
        return space.lower_reference()
    return space.lower(space.decode(np.array(item.vector, dtype=np.int64)))


def by_network(visits: Iterable[VisitRecord]) -> dict[int, list[VisitRecord]]:
    """Visits of each network, in order of measurement."""
    found: dict[int, list[VisitRecord]] = defaultdict(list)
    for visit in visits:
        found[visit.network].append(visit)
    return dict(found)


def quiet(visits: Sequence[VisitRecord]) -> list[VisitRecord]:
    """The visits beside which no other process was busy; all, where there is none."""
    return [visit for visit in visits if not visit.disturbed] or list(visits)


def disturbed_share(visits: Mapping[int, Sequence[VisitRecord]]) -> float:
    """Share of networks that were never timed alone."""
    return float(np.mean([all(v.disturbed for v in records) for records in visits.values()]))


def repeat_noise(
    visits: Mapping[int, Sequence[VisitRecord]], factor: Callable[[VisitRecord], float]
) -> float:
    """Robust relative standard deviation of one visit, from the first two of each network."""
    ratios = _log_ratios(visits, factor)
    # About zero, not about the median: which visit came first means nothing.
    return sigma(np.concatenate([ratios, -ratios])) / np.sqrt(2) if len(ratios) else 0.0


def disagreeing(
    visits: Mapping[int, Sequence[VisitRecord]], most: int,
    factor: Callable[[VisitRecord], float] = lambda visit: 1.0,
) -> list[int]:
    """Networks to visit again: those disturbed, then those whose first two visits differ most.

    They count as different beyond what the noise explains.
    """
    disturbed = [n for n, records in visits.items() if any(v.disturbed for v in records)]
    pairs = {n: v for n, v in visits.items() if len([x for x in v if x.turn < 2]) == 2}
    noise = np.sqrt(2) * repeat_noise(pairs, factor)
    limit = max(_DISAGREE, _DISAGREE_SIGMAS * noise)
    distance = dict(zip(pairs, np.abs(_log_ratios(pairs, factor)), strict=True))
    far = sorted((n for n in pairs if distance[n] > limit), key=lambda n: -distance[n])
    return [*disturbed, *(n for n in far if n not in disturbed)][:most]


def _log_ratios(
    visits: Mapping[int, Sequence[VisitRecord]], factor: Callable[[VisitRecord], float]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    ratios = []
    for records in visits.values():
        planned = [v.latency_ms / factor(v) for v in records if v.turn < 2]
        if len(planned) == 2:
            ratios.append(np.log(planned[1] / planned[0]))
    return np.array(ratios)


def network_samples(
    plan: Plan,
    visits: Mapping[int, Sequence[VisitRecord]],
    factor: Callable[[VisitRecord], float],
    pace: Callable[[VisitRecord], float] = lambda visit: 1.0,
) -> list[NetworkSample]:
    """End-to-end latency of each network: the median of its visits (the mean of two)."""
    found = []
    for order, (network, taken) in enumerate(visits.items()):
        records = quiet(taken)
        slowness = [factor(v) for v in records]

        def middle(name: str, records: Sequence[VisitRecord] = records,
                   slowness: Sequence[float] = slowness) -> float:
            values = [getattr(v, name) / s for v, s in zip(records, slowness, strict=True)]
            return float(np.median(values))

        item = plan.networks[network]
        found.append(NetworkSample(
            vector=item.vector, latency_ms=middle("latency_ms"), p10_ms=middle("p10_ms"),
            p90_ms=middle("p90_ms"), samples=sum(v.samples for v in records), order=order,
            drawn=item.drawn, unattributed_ms=middle("unattributed_ms"),
            discarded=sum(v.discarded for v in taken),
            session_ms=records[0].latency_ms / pace(records[0]),
            slowness=float(np.median(slowness)),
            load=float(np.mean([v.load for v in records])),
            **{name: _mean(getattr(v, name) for v in records) for name in _STATE},
        ))
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return float(np.mean(told)) if told else None


def operator_rows(
    space: OperatorSpace,
    plan: Plan,
    visits: Mapping[int, Sequence[VisitRecord]],
    factor: Callable[[VisitRecord], float],
) -> list[LatencyRow]:
    """Latency of each operator over all places in all networks where it was executed."""
    contexts: dict[Operator, list[float]] = defaultdict(list)
    executions: dict[Operator, int] = defaultdict(int)
    for network, taken in visits.items():
        records = quiet(taken)
        for placed in lower_planned(space, plan.networks[network]):
            times = [v.by_path_ms[placed.path] / factor(v) for v in records]
            contexts[placed.operator].append(float(np.median(times)))
            executions[placed.operator] += placed.repeats * sum(v.runs for v in records)
    rows = []
    for operator, times in contexts.items():
        p10, middle, p90 = (float(p) for p in np.percentile(times, [10, 50, 90]))
        rows.append(LatencyRow(operator, middle, p10, p90, len(times), executions[operator]))
    return rows
