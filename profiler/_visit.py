"""One timing of one network: node by node, then end to end, in the same session."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from luts.operator import PlacedOperator
from profiler._clock import Clock
from profiler._gauges import Gauges
from profiler._pace import PaceProbe
from profiler._records import CanaryRecord, VisitRecord
from profiler.attribution import attribute, owners
from profiler.device import load_average
from profiler.plan import Visit
from profiler.runtimes import Runtime, Session
from profiler.timing import measure_session

if TYPE_CHECKING:
    from profiler.settings import Settings


def time_network(
    visit: Visit, placed: Sequence[PlacedOperator], model: Path, runtime: Runtime,
    *, settings: Settings, clock: Clock, probe: PaceProbe | None = None,
    gauges: Gauges | None = None, usual_ms: float,
) -> VisitRecord:
    """Times one network; the profiled inferences warm up for those end to end.

    Args:
        visit: which network, and for which time.
        placed: its operators.
        model: its ONNX file.
        runtime: what executes it.
        settings: how to time.
        clock: clocks to read.
        probe: timed between the inferences, where given.
        gauges: of the device, where its state is to be recorded.
        usual_ms: what networks of its space take, about.
    """
    start = clock.date_s()
    session = runtime.open(
        model, threads=settings.threads, precision=settings.precision, profile=True
    )
    with closing(session):
        times = session.node_times(settings.profiled_runs_at(usual_ms))
        whole = measure_session(session, settings.rule, threads=settings.threads, clock=clock,
                                warm_up_s=0.0, warm_up_runs=1, probe=probe, gauges=gauges)
        owner = owners(session.graph(), {item.path for item in placed})
    shares = attribute(times, owner, placed, whole.median_ms)
    return VisitRecord(
        network=visit.network, turn=visit.turn, date_s=(start + clock.date_s()) / 2,
        latency_ms=whole.median_ms, p10_ms=whole.p10_ms, p90_ms=whole.p90_ms,
        samples=whole.samples, discarded=whole.discarded, seconds=whole.seconds,
        load=load_average(), runs=times.runs, by_path_ms=shares.by_path_ms,
        unattributed_ms=shares.unattributed_ms,
        disturbed=whole.disturbed or bool(whole.state.others),
        pace_ms=whole.pace_ms, throttled=whole.throttled,
        frequency_mhz=whole.state.frequency_mhz, temperature_c=whole.state.temperature_c,
        power_w=whole.state.power_w, energy_mj=whole.energy_mj, others=whole.state.others,
    )


def time_canary(
    session: Session, settings: Settings, clock: Clock, probe: PaceProbe | None = None
) -> CanaryRecord:
    """Times the canary, whose session stays open during the campaign."""
    start = clock.date_s()
    whole = measure_session(session, settings.canary_rule, threads=settings.threads, clock=clock,
                            warm_up_s=0.0, warm_up_runs=1, probe=probe)
    return CanaryRecord((start + clock.date_s()) / 2, whole.median_ms, whole.samples,
                        whole.discarded, load_average(), whole.disturbed, whole.pace_ms)
