"""One session of each of a few networks, with the machine's pace beside it."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luts.space import OperatorSpace, Vectors
from predictor.extremes import Floats
from profiler.runtimes import Runtime


@dataclass(frozen=True)
class Sessions:
    """What was measured.

    Attributes:
        vectors: index vectors, shape ``(networks, decisions)``.
        latency_ms: median of each network's session, as the clock showed it, shape ``(networks,)``.
        pace_ms: the probe's time beside each, shape ``(networks,)``.
        runtime: what executed them.
        runtime_version: its version.
    """

    vectors: Vectors
    latency_ms: Floats
    pace_ms: Floats
    runtime: str
    runtime_version: str


def measure_sessions(
    space: OperatorSpace, vectors: Vectors, runtime: Runtime, *, threads: int, precision: str
) -> Sessions:
    """Times networks in the order in which they are given, as a campaign does.

    Args:
        space: their space.
        vectors: index vectors, shape ``(networks, decisions)``.
        runtime: what executes them.
        threads: threads within one operator.
        precision: arithmetic precision.
    """
    from luts.progress import counted
    from profiler._clock import SystemClock
    from profiler._exporter import Exporter
    from profiler._pace import open_probe
    from profiler.measurement import measure_session
    from profiler.settings import Settings

    latency_ms, pace_ms, rule, clock = [], [], Settings().rule, SystemClock()
    with (
        tempfile.TemporaryDirectory(prefix="metronas-") as name,
        closing(Exporter(space)) as exporter,
        open_probe(runtime, Path(name), clock, threads=threads, precision=precision) as probe,
        counted("measuring", len(vectors)) as advance,
    ):
        models = exporter.export({number: tuple(int(i) for i in vector)
                                  for number, vector in enumerate(vectors)}, Path(name))
        for number in range(len(vectors)):
            session = runtime.open(models[number], threads=threads, precision=precision)
            with closing(session):
                timed = measure_session(session, rule, threads=threads, probe=probe)
            latency_ms.append(timed.median_ms)
            pace_ms.append(timed.pace_ms)
            advance()
    return Sessions(vectors, np.array(latency_ms), np.array(pace_ms, dtype=np.float64),
                    runtime.name, runtime.version())
