"""One timing of one drawn network: each executed step, then end to end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from luts.errors import UserError
from luts.operator import Operator
from profiler._clock import Clock
from profiler._pace import PaceProbe
from profiler._records import VisitRecord
from profiler.device import load_average
from profiler.executed import ExecutedNode, executed_nodes
from profiler.lowering import lower_node
from profiler.runtimes import NodeTimes, Runtime
from profiler.timing import measure_session

if TYPE_CHECKING:
    from profiler.settings import Settings


def time_drawn(number: int, turn: int, model: Path, runtime: Runtime, *, settings: Settings,
               clock: Clock, probe: PaceProbe) -> VisitRecord:
    """Times one network; the profiled inferences warm up for those end to end.

    Args:
        number: the network's number.
        turn: 0, or 1 where it is timed again.
        model: its ONNX file.
        runtime: what executes it.
        settings: how to time.
        clock: clocks to read.
        probe: timed between the inferences.

    Returns:
        A record whose ``by_path_ms`` has one entry per executed step, in order: its position and
        the key of its operator.
    """
    start = clock.date_s()
    session = runtime.open(model, threads=settings.threads, precision=settings.precision,
                           profile=True)
    with closing(session):
        times = session.node_times(settings.profiled_runs)
        nodes = executed_nodes(session)
        whole = measure_session(session, settings.rule, threads=settings.threads, clock=clock,
                                warm_up_s=0.0, warm_up_runs=1, probe=probe)
    steps = step_times(nodes, times, whole.median_ms)
    by_path_ms = {f"{place} {operator.key}": ms for place, (operator, ms) in enumerate(steps)}
    return VisitRecord(
        network=number, turn=turn, date_s=(start + clock.date_s()) / 2,
        latency_ms=whole.median_ms, p10_ms=whole.p10_ms, p90_ms=whole.p90_ms,
        samples=whole.samples, discarded=whole.discarded, seconds=whole.seconds,
        load=load_average(), runs=times.runs, by_path_ms=by_path_ms,
        unattributed_ms=whole.median_ms - sum(by_path_ms.values()), disturbed=whole.disturbed,
        pace_ms=whole.pace_ms,
    )


def step_times(nodes: Sequence[ExecutedNode], times: NodeTimes, whole_ms: float
               ) -> list[tuple[Operator, float]]:
    """Operator and latency in ms of each executed step, in order.

    Node times come from inferences that the profiler itself slows, so they are scaled by
    ``whole_ms / times.whole_ms``. Steps that share a name share its time by the bytes they move.

    Args:
        nodes: the executed graph.
        times: node times of one inference.
        whole_ms: end-to-end time of an undisturbed inference that is not profiled.
    """
    scale = whole_ms / times.whole_ms
    operators = [lower_node(node) for node in nodes]
    sharing: dict[str, list[int]] = defaultdict(list)
    for place, node in enumerate(nodes):
        sharing[node.name].append(place)
    found: list[tuple[Operator, float]] = []
    for node, operator in zip(nodes, operators, strict=True):
        total = scale * times.by_node_ms.get(node.name, 0.0)
        partners = sharing[node.name]
        weights = [_weight(operators[place]) for place in partners]
        part = _weight(operator) / sum(weights) if len(partners) > 1 else 1.0
        if total > 0:
            found.append((operator, total * part))
    return found


def _weight(operator: Operator) -> float:
    try:
        return float(max(1, operator.bytes_moved))
    except UserError:  # a kind without a rule
        return 1.0
