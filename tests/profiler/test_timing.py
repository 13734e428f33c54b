from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from luts.errors import UnknownNameError, UserError
from profiler._pace import PaceProbe
from profiler._sampling import sample
from profiler._stopping import StoppingRule
from profiler.device import identify_cpu, resolve_device
from profiler.timing import measure_interleaved, measure_model, measure_session, runtime_for
from tests.fakes import FakeSpace
from tests.simulated import (
    SimulatedDevice,
    SimulatedProbe,
    SimulatedRuntime,
    SimulatedSpace,
    truth_ms,
)


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    space = FakeSpace(4)
    small, large = tmp_path / "small.onnx", tmp_path / "large.onnx"
    space.export_onnx(space.decode(np.zeros(12, dtype=np.int64)), small)
    space.export_onnx(space.decode(np.ones(12, dtype=np.int64)), large)
    return {"small": small, "large": large}


def test_larger_network_takes_longer(models: dict[str, Path]) -> None:
    found = measure_interleaved(models, min_samples=15, max_seconds=1.0)
    assert found["small"].median_ms < found["large"].median_ms
    for one in found.values():
        assert one.p10_ms <= one.median_ms <= one.p90_ms <= one.p99_ms


def test_one_model(models: dict[str, Path]) -> None:
    assert measure_model(models["small"], min_samples=5, max_seconds=0.2).median_ms > 0


def test_simulated_truth(tmp_path: Path) -> None:
    space, device = SimulatedSpace(), SimulatedDevice(scatter=0.02, spike_share=0.1)
    space.export_onnx(None, tmp_path / "m")
    session = SimulatedRuntime(device).open(tmp_path / "m")
    truth = sum(truth_ms(p.operator) * p.repeats for p in space.lower_reference())
    found = measure_session(session, StoppingRule(), clock=device)
    assert found.median_ms == pytest.approx(truth, rel=0.01)
    assert found.discarded > 0


def test_wrong_input(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model file"):
        measure_model(tmp_path / "absent.onnx")
    with pytest.raises(UnknownNameError, match="unknown target 'gpu'"):
        measure_model(models["small"], target="gpu")
    with pytest.raises(UserError, match="nothing here measures on 'h200'"):
        measure_model(models["small"], target="h200")
    with pytest.raises(UserError, match="int8"):
        runtime_for("cpu", "int8")
    with pytest.raises(UserError, match="min_samples"):
        measure_model(models["small"], min_samples=1)


def test_device_names() -> None:
    assert resolve_device("cpu").name == "cpu"
    for name in ("cuda", "cuda:7"):
        with pytest.raises(UserError, match=name):
            resolve_device(name)
    with pytest.raises(UserError, match="unknown device 'cuda:x'"):
        resolve_device("cuda:x")


def test_identity_of_this_cpu_is_stable() -> None:
    assert identify_cpu() == identify_cpu()
    assert identify_cpu()["cores"] >= 1


@pytest.mark.parametrize(("beside_ms", "readings"), [(0.0, 1), (90.0, 1), (130.0, 2), (2e3, 8)])
def test_probe_is_read_more_often_beside_long_inferences(beside_ms: float, readings: int) -> None:
    device = SimulatedDevice()
    probe = PaceProbe(SimulatedProbe(device), device)
    probe.times_ms(0.0)
    start = device.wall_s()
    times = probe.times_ms(beside_ms)
    spent_ms = 1e3 * (device.wall_s() - start)
    assert len(times) == readings
    assert spent_ms == pytest.approx(sum(times) * (readings + 1) / readings)
    assert readings == 1 or spent_ms <= 0.1 * beside_ms
    assert not probe.due
    device.spend(8.9 * spent_ms)
    assert not probe.due
    device.spend(0.2 * spent_ms)
    assert probe.due


@pytest.mark.parametrize("inference_ms", [20.0, 90.0, 300.0, 2000.0])
def test_pace_does_not_depend_on_the_size_of_the_network(inference_ms: float) -> None:
    device = SimulatedDevice()
    probe = PaceProbe(SimulatedProbe(device), device)
    rule = StoppingRule(min_samples=3, min_seconds=0.0, max_seconds=9.0, max_samples=3)

    def run() -> None:
        device.spend(inference_ms)
        device.probe_is_cold = True

    taken = sample(run, rule, device, watch_share=False, probe=probe)
    assert taken.pace_ms == pytest.approx([device.probe_ms()] * len(taken.pace_ms))


def test_long_inferences_are_read_their_pace_often() -> None:
    device = SimulatedDevice()
    probe = PaceProbe(SimulatedProbe(device), device)
    rule = StoppingRule(min_samples=3, min_seconds=0.0, max_seconds=9.0, max_samples=3)
    taken = sample(lambda: device.spend(1000.0), rule, device, watch_share=False, probe=probe)
    assert len(taken.latency_ms) == 3
    assert len(taken.pace_ms) == 1 + 3 * 8
