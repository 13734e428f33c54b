"""Records and timings that tests start from."""

from __future__ import annotations

from pathlib import Path

from luts.operator import PlacedOperator
from profiler.model_times import Layer, ModelTimes
from profiler.runtimes import load_runtime
from profiler.runtimes.base import GraphNode, NodeTimes
from tests.fakes import _conv, write_chain

CHAIN = [PlacedOperator("a", _conv(3, 16, 3)), PlacedOperator("loop.b", _conv(16, 16, 3), 3)]


def timed_chain(runtime: str, folder: Path) -> tuple[NodeTimes, list[GraphNode]]:
    """Node times and graph of `CHAIN`, one operator of which runs in a loop."""
    write_chain(CHAIN, folder / "chain.onnx")
    session = load_runtime(runtime).open(folder / "chain.onnx", profile=True)
    times, graph = session.node_times(4), session.graph()
    session.close()
    return times, graph


def measured_model(layers: list[Layer], **changes: object) -> ModelTimes:
    facts: dict[str, object] = {
        "model": "net.onnx", "model_sha256": "0", "created": "2030-01-01T00:00:00+00:00",
        "target": "cpu", "device": {"model": "a chip"}, "runtime": "onnxruntime",
        "runtime_version": "1", "precision": "fp32", "threads": 1, "load": 0.0, "median_ms": 10.0,
        "p10_ms": 9.0, "p90_ms": 11.0, "p99_ms": 12.0, "samples": 50, "discarded": 2,
        "error": 0.001, "profiled_runs": 9, "layers": layers, "unattributed_ms": 1.0,
    }
    return ModelTimes.model_validate(facts | changes)
