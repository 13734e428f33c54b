"""ONNX Runtime's providers on a real device."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from profiler.measurement import measure_session
from profiler.settings import StoppingRule
from tests.fakes import FakeSpace
from tests.gpu.loading import loaded

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime_tensorrt"])
def test_times_whole_networks(name: str, tmp_path: Path) -> None:
    runtime = loaded(name)
    FakeSpace().export_onnx(None, tmp_path / "model.onnx")
    for precision in runtime.precisions:
        with closing(runtime.open(tmp_path / "model.onnx", precision=precision)) as session:
            found = measure_session(session, StoppingRule(max_seconds=1.0))
        assert 0 < found.p10_ms <= found.median_ms <= found.p99_ms
