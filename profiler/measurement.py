"""One open session, timed: percentiles, what was thrown away, the device's state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from profiler._clock import Clock, SystemClock
from profiler._gauges import DeviceState, Gauges
from profiler._pace import PaceProbe, pace_of
from profiler._robust import median_error
from profiler._sampling import Samples, sample, warm_up
from profiler._stopping import StoppingRule
from profiler.runtimes import Session

WARM_UP_S = 0.2


@dataclass(frozen=True, slots=True)
class Measurement:
    """End-to-end latency of one model.

    Attributes:
        median_ms: median of the samples that were kept.
        p10_ms: tenth percentile.
        p90_ms: ninetieth percentile.
        p99_ms: ninety-ninth percentile.
        samples: samples kept.
        discarded: samples thrown away as disturbed.
        error: relative standard error of the median.
        seconds: time spent sampling.
        disturbed: whether other processes were busy all the while, so that the figures are of a
            shared machine.
        pace_ms: time of the probe beside it, if there was one (`profiler._pace`).
        throttled: whether heat or power slowed the device all the while.
        energy_mj: energy of one inference, where the device tells it; time between inferences is
            taken to cost as much as they do.
        state: of the device at the end.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    p99_ms: float
    samples: int
    discarded: int
    error: float
    seconds: float
    disturbed: bool
    pace_ms: float | None = None
    throttled: bool = False
    energy_mj: float | None = None
    state: DeviceState = field(default_factory=DeviceState)

    @classmethod
    def of(cls, samples: Samples) -> Measurement:
        """Summary of samples."""
        kept = samples.kept()
        p10, median, p90, p99 = (float(p) for p in np.percentile(kept, [10, 50, 90, 99]))
        return cls(median, p10, p90, p99, len(kept), samples.discarded,
                   median_error(kept), samples.seconds, samples.disturbed,
                   pace_of(samples.pace_ms), samples.hot)


def measure_session(
    session: Session, rule: StoppingRule, *, threads: int = 1, clock: Clock | None = None,
    warm_up_s: float = WARM_UP_S, warm_up_runs: int = 2, probe: PaceProbe | None = None,
    gauges: Gauges | None = None,
) -> Measurement:
    """Times an open session.

    Args:
        session: what to run.
        rule: when to stop.
        threads: threads that the session was opened with.
        clock: clocks to read; the machine's by default.
        warm_up_s: time to run before the first sample counts.
        warm_up_runs: inferences before the first sample counts.
        probe: timed between the inferences, where given.
        gauges: of the device, where its state is wanted.
    """
    clock = clock or SystemClock()
    warm_up(session.run, clock, seconds=warm_up_s, runs=warm_up_runs)
    before, start = gauges.state() if gauges is not None else DeviceState(), clock.wall_s()
    samples = sample(session.run, rule, clock, watch_share=threads == 1, probe=probe, gauges=gauges)
    found = Measurement.of(samples)
    if gauges is None:
        return found
    after, seconds = gauges.state(), clock.wall_s() - start
    energy_mj = None
    if before.energy_mj is not None and after.energy_mj is not None:
        used = (after.energy_mj - before.energy_mj) * samples.seconds / seconds
        energy_mj = used / len(samples.latency_ms)
    return replace(found, energy_mj=energy_mj, state=after)
