"""Torch on a real device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from profiler.runtimes import Runtime
from profiler.runtimes._model import random_inputs, read_onnx
from profiler.runtimes._torch_program import Program
from tests.conformance.runtime import RuntimeConformance
from tests.fakes import FakeSpace
from tests.gpu.loading import loaded

pytestmark = pytest.mark.gpu


@pytest.fixture
def model(tmp_path: Path) -> Path:
    FakeSpace().export_onnx(None, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


class TestTorchOnCuda(RuntimeConformance):
    @pytest.fixture
    def runtime(self) -> Runtime:
        return loaded("torch")


def test_replayed_graph_computes_what_the_cpu_computes(tmp_path: Path) -> None:
    """In every precision, the flow network is captured and its result is close to the CPU's."""
    from luts.spaces import SPACES

    runtime = loaded("torch")
    SPACES.get("flownas-small")().export_onnx(None, tmp_path / "m.onnx")
    read = read_onnx(tmp_path / "m.onnx", weights=True)
    with torch.inference_mode():
        (wanted,) = Program(read, random_inputs(read), torch.device("cpu")).run()
    close = {"fp32": 1e-3, "tf32": 0.1, "fp16": 0.1, "bf16": 0.5}
    assert set(runtime.precisions) == set(close)
    for precision, tolerance in close.items():
        session: Any = runtime.open(tmp_path / "m.onnx", precision=precision)
        assert session._work.captured
        assert session.run() > 0
        (result,) = session._results
        error = (result.float().cpu() - wanted).abs().max()
        session.close()
        assert error < tolerance * wanted.abs().max(), precision


def test_every_convolution_has_a_time(model: Path) -> None:
    session = loaded("torch").open(model, profile=True)
    times = session.node_times(3)
    convolutions = {node.name for node in session.graph() if node.kind == "Conv"}
    session.close()
    assert convolutions <= set(times.by_node_ms)
