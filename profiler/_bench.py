"""What stands ready while networks are timed: exporters, probe, canary, gauges."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from luts.space import OperatorSpace
from profiler._clock import Clock
from profiler._exporter import Exporter
from profiler._gauges import Gauges, gauges_of
from profiler._pace import PaceProbe, open_probe
from profiler._records import CanaryRecord
from profiler._sampling import warm_up
from profiler._visit import time_canary
from profiler.runtimes import Runtime
from profiler.settings import Settings


@dataclass(frozen=True, slots=True)
class Bench:
    """What stands ready.

    Attributes:
        scratch: folder for models.
        exporter: writes them.
        probe: tells the machine's pace.
        gauges: tell the device's state.
        canary: times the reference network once more.
    """

    scratch: Path
    exporter: Exporter
    probe: PaceProbe
    gauges: Gauges
    canary: Callable[[], CanaryRecord]


@contextmanager
def open_bench(
    space: OperatorSpace, runtime: Runtime, settings: Settings, clock: Clock,
    gauges: Gauges | None = None,
) -> Iterator[Bench]:
    """Keeps probe and canary loaded.

    Args:
        space: what is measured; its reference is the canary.
        runtime: what executes networks.
        settings: how they are timed.
        clock: clocks to read.
        gauges: of the device; those that it has by default.

    Raises:
        UserError: the canary cannot be executed, or the device tells no state.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="metronas-")))
        if gauges is None:
            gauges = stack.enter_context(gauges_of(runtime.device))
        exporter = stack.enter_context(closing(Exporter(space)))
        model = scratch / "canary.onnx"
        space.export_onnx(None, model)
        threads, precision = settings.threads, settings.precision
        session = stack.enter_context(
            closing(runtime.open(model, threads=threads, precision=precision))
        )
        probe = stack.enter_context(
            open_probe(runtime, scratch, clock, threads=threads, precision=precision)
        )
        warm_up(session.run, clock, seconds=settings.canary_rule.min_seconds)
        yield Bench(scratch, exporter, probe, gauges,
                    lambda: time_canary(session, settings, clock, probe))
