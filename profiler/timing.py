"""Times model files, alone or in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from luts.errors import UserError
from luts.target import load_target
from profiler._clock import Clock, SystemClock
from profiler._gauges import Gauges, gauges_of
from profiler._pace import open_probe
from profiler._sampling import Probe, Samples, no_garbage_collection, satisfied, take, warm_up
from profiler._stopping import StoppingRule
from profiler.measurement import WARM_UP_S, Measurement, measure_session
from profiler.runtimes import Runtime, Session, load_runtime

__all__ = ["Measurement", "measure_interleaved", "measure_model", "measure_session", "runtime_for"]


def measure_model(
    path: Path,
    *,
    target: str = "cpu",
    threads: int = 1,
    precision: str = "fp32",
    min_samples: int = 30,
    max_seconds: float = 5.0,
) -> Measurement:
    """Times an ONNX model on a target, with the machine's pace beside it.

    Args:
        path: ONNX file with fixed input shapes.
        target: target name.
        threads: threads within one operator.
        precision: arithmetic precision.
        min_samples: undisturbed inferences needed.
        max_seconds: time after which sampling ends.

    Raises:
        UserError: no such file or target, or no runtime here serves it.
    """
    return measure_interleaved(
        {"model": path}, target=target, threads=threads, precision=precision,
        min_samples=min_samples, max_seconds=max_seconds,
    )["model"]


def measure_interleaved(
    paths: Mapping[str, Path],
    *,
    target: str = "cpu",
    threads: int = 1,
    precision: str = "fp32",
    min_samples: int = 30,
    max_seconds: float = 5.0,
    runtime: Runtime | None = None,
) -> dict[str, Measurement]:
    """Times several models in turns, so that a drift of the machine hits all alike.

    The machine's pace is read between the inferences (`profiler._pace`).

    Args:
        paths: name to ONNX file; all are held in memory at once.
        target: target name.
        threads: threads within one operator.
        precision: arithmetic precision.
        min_samples: undisturbed inferences needed of each.
        max_seconds: time per model after which sampling ends.
        runtime: what executes them; the best of the target by default.

    Returns:
        Name to its measurement.

    Raises:
        UserError: no such file or target, or no runtime here serves it.
    """
    runtime = runtime or runtime_for(target, precision)
    rule = StoppingRule(min_samples=min_samples, min_seconds=min(1.0, max_seconds),
                        max_seconds=max_seconds)
    clock = SystemClock()
    for path in paths.values():
        if not path.is_file():
            raise UserError(f"no model file '{path}'")
    with ExitStack() as stack:
        sessions = {name: runtime.open(path, threads=threads, precision=precision)
                    for name, path in paths.items()}
        for session in sessions.values():
            stack.callback(session.close)
            warm_up(session.run, clock, seconds=WARM_UP_S)
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="metronas-"))
        probe = stack.enter_context(
            open_probe(runtime, Path(scratch), clock, threads=threads, precision=precision)
        )
        gauges = stack.enter_context(gauges_of(runtime.device))
        taken = _in_turns(sessions, rule, clock, probe, gauges, watch_share=threads == 1)
        return {name: Measurement.of(samples) for name, samples in taken.items()}


def runtime_for(
    target: str, precision: str = "fp32", runtime: str | None = None, device: str | None = None
) -> Runtime:
    """The runtime here that serves a target: the one named, or the best.

    Args:
        target: target name.
        precision: arithmetic precision.
        runtime: name of a runtime (None: the best that is here).
        device: where the target is, such as ``cuda:1``; the first of its kind by default.

    Raises:
        UnknownNameError: no such target or runtime.
        UserError: the named runtime, or every one of the target's, is not installed, lacks the
            precision, or does not serve that kind of device.
    """
    facts = load_target(target)
    device = device or ("cpu" if facts.kind == "cpu" else "cuda:0")
    if runtime is not None:
        return load_runtime(runtime, precision, device)
    problems = []
    for name in facts.runtimes:
        try:
            return load_runtime(name, precision, device)
        except UserError as error:
            problems.append(str(error))
    raise UserError(f"nothing here measures on '{target}': {'; '.join(problems)}")


def _in_turns(
    sessions: Mapping[str, Session], rule: StoppingRule, clock: Clock, probe: Probe,
    gauges: Gauges, *, watch_share: bool,
) -> dict[str, Samples]:
    taken = {name: Samples() for name in sessions}
    waiting, pace_ms = list(sessions), probe.times_ms(0.0)
    with no_garbage_collection():
        while waiting:
            pace_ms = probe.times_ms(0.0) if probe.due else pace_ms
            for name in waiting:
                taken[name].pace_ms += pace_ms
                take(sessions[name].run, taken[name], clock, watch_share=watch_share,
                     gauges=gauges)
                if probe.due:
                    pace_ms = probe.times_ms(taken[name].latency_ms[-1])
                taken[name].pace_ms += pace_ms
            waiting = [name for name in waiting if not satisfied(rule, taken[name])]
    return taken
