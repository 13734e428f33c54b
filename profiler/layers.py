"""One model, timed end to end and layer by layer."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from luts.errors import InferenceError, UserError
from luts.files import sha256
from profiler._clock import Clock, SystemClock
from profiler._gauges import Gauges, gauges_of
from profiler._named import named_model
from profiler._stopping import StoppingRule
from profiler.attribution import ask_neighbours
from profiler.device import identify_cpu, load_average
from profiler.model_times import Layer, ModelTimes
from profiler.runtimes.base import GraphNode, NodeTimes, Runtime
from profiler.timing import Measurement, measure_session

# Enough inferences for a mean of each layer, yet no more time than for the whole.
_FEWEST_RUNS, _MOST_RUNS = 5, 50
_PROFILED_S = 2.0


def measure_layers(
    path: Path, runtime: Runtime, *, target: str = "cpu", threads: int = 1,
    precision: str = "fp32", rule: StoppingRule | None = None, clock: Clock | None = None,
    gauges: Gauges | None = None,
) -> ModelTimes:
    """Times a model end to end, then its layers in a second session that is profiled.

    Args:
        path: ONNX file with fixed input shapes.
        runtime: what executes it.
        target: target name, for the record.
        threads: threads within one operator.
        precision: arithmetic precision.
        rule: when the end-to-end samples are enough.
        clock: clocks to read; the machine's by default.
        gauges: of the device; those that it has by default.

    Raises:
        UserError: no such file, or the runtime cannot load or execute it.
    """
    if not path.is_file():
        raise UserError(f"no model file '{path}'")
    clock = clock or SystemClock()
    rule = rule or StoppingRule(min_samples=30, max_seconds=5.0)
    with tempfile.TemporaryDirectory(prefix="metronas-") as scratch:
        named = named_model(path, Path(scratch))
        open_named = partial(runtime.open, named.path, threads=threads, precision=precision)
        read = gauges_of(runtime.device) if gauges is None else nullcontext(gauges)
        try:
            with closing(open_named()) as plain, read as told:
                whole = measure_session(plain, rule, threads=threads, clock=clock, gauges=told)
            load = load_average()
            with closing(open_named(profile=True)) as profiled:
                times = profiled.node_times(_profiled_runs(whole))
                layers = layer_times(profiled.graph(), times, named.shown, whole.median_ms)
        except InferenceError as error:
            # Only the user's own file means anything to the user.
            raise InferenceError(str(error).replace(str(named.path), str(path))) from None
    return ModelTimes(
        model=path.name, model_sha256=sha256(path),
        created=datetime.now(UTC).isoformat(timespec="seconds"), target=target,
        device=identify_cpu(), runtime=runtime.name, runtime_version=runtime.version(),
        precision=precision, threads=threads, load=load,
        median_ms=whole.median_ms, p10_ms=whole.p10_ms, p90_ms=whole.p90_ms, p99_ms=whole.p99_ms,
        samples=whole.samples, discarded=whole.discarded, error=whole.error,
        throttled=whole.throttled, profiled_runs=times.runs, layers=tuple(layers),
        unattributed_ms=whole.median_ms - sum(layer.latency_ms for layer in layers),
    )


def layer_times(
    graph: Sequence[GraphNode], times: NodeTimes, shown: Mapping[str, str], whole_ms: float
) -> list[Layer]:
    """Shares an inference's time among the steps that the runtime executed.

    Node times come from inferences that the profiler itself slows, so they are scaled by
    ``whole_ms / times.whole_ms``. Only steps of the graph count: those inside a loop or a branch
    are part of that step's time already.

    Args:
        graph: nodes as executed.
        times: node times of one inference.
        shown: name of each node of the model to the name that people see.
        whole_ms: end-to-end time of an undisturbed inference that is not profiled.

    Returns:
        The layers, the longest first.
    """
    # The way back from a layout bears the name of what it hands on, though it computes nothing.
    found: dict[str, str | None] = {
        node.name: next((shown[name] for name in node.origins
                         if name in shown and not node.with_producer), None)
        for node in graph
    }
    added = {name for name, owner in found.items() if owner is None}
    ask_neighbours(graph, found)
    scale = whole_ms / times.whole_ms
    total: dict[tuple[str, str], float] = defaultdict(float)
    for name, kind in {node.name: node.kind for node in graph}.items():
        # A step that was merged into another has no time of its own.
        if name in times.by_node_ms:
            owner = found[name]
            place = f"{owner}/{kind}" if owner is not None and name in added else owner or name
            total[place, kind] += scale * times.by_node_ms[name]
    layers = [
        Layer(name=name, kind=kind, latency_ms=latency_ms, share=latency_ms / whole_ms)
        for (name, kind), latency_ms in total.items()
    ]
    return sorted(layers, key=lambda layer: -layer.latency_ms)


def _profiled_runs(whole: Measurement) -> int:
    wanted = round(1e3 * _PROFILED_S / whole.median_ms)
    return min(_MOST_RUNS, max(_FEWEST_RUNS, wanted))
