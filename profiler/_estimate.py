"""How long a campaign will take."""

from __future__ import annotations

import os
import tempfile
from math import inf
from pathlib import Path

from luts.space import OperatorSpace
from profiler._assemble import lower_planned
from profiler._clock import SystemClock
from profiler._exporter import export
from profiler._visit import time_network
from profiler.plan import Plan, Visit
from profiler.runtimes import Runtime
from profiler.settings import Settings


def estimate_minutes(
    space: OperatorSpace, plan: Plan, runtime: Runtime, settings: Settings
) -> float:
    """Duration of a campaign, from exporting and timing the reference once.

    Networks are taken to be as slow as the reference: the estimate errs by how far the space's
    typical network is from it.
    """
    clock = SystemClock()
    reference = plan.networks[0]
    with tempfile.TemporaryDirectory(prefix="metronas-") as name:
        # The first export loads libraries; the second shows what one costs.
        export(space, None, Path(name) / "first.onnx")
        start = clock.wall_s()
        model = export(space, None, Path(name) / "second.onnx")
        exported = clock.wall_s()
        found = time_network(Visit(0, 0), lower_planned(space, reference), model, runtime,
                             settings=settings, clock=clock, usual_ms=inf)
        timed = clock.wall_s()
    further = settings.profiled_runs_at(found.latency_ms) - settings.profiled_runs_at(inf)
    timed += further * found.latency_ms / 1e3
    visits = sum(len(block) for block in plan.blocks)
    canaries = visits / settings.canary_every
    cores = os.cpu_count() or 1
    seconds = len(plan.networks) * (exported - start) / min(cores, 4) + visits * (timed - exported)
    return (seconds + canaries * settings.canary_rule.min_seconds) / 60
