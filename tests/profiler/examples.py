"""Records that tests start from."""

from __future__ import annotations

from profiler.layers import Layer, ModelTimes


def measured_model(layers: list[Layer], **changes: object) -> ModelTimes:
    facts: dict[str, object] = {
        "model": "net.onnx", "model_sha256": "0", "created": "2030-01-01T00:00:00+00:00",
        "target": "cpu", "device": {"model": "a chip"}, "runtime": "onnxruntime",
        "runtime_version": "1", "precision": "fp32", "threads": 1, "load": 0.0, "median_ms": 10.0,
        "p10_ms": 9.0, "p90_ms": 11.0, "p99_ms": 12.0, "samples": 50, "discarded": 2,
        "error": 0.001, "profiled_runs": 9, "layers": layers, "unattributed_ms": 1.0,
    }
    return ModelTimes.model_validate(facts | changes)
