"""A device whose every latency is known, with injected scatter, drift and spikes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from luts.errors import InferenceError
from luts.operator import Operator, PlacedOperator
from luts.space import Architecture
from profiler._gauges import DeviceState
from profiler._pace import PROBE
from profiler.runtimes import GraphNode, NodeTimes, Runtime, Session
from tests.fakes import FakeSpace


def truth_ms(operator: Operator) -> float:
    """Latency of one operator on the simulated device."""
    return 0.5 + operator.flops / 4e6


class SimulatedSpace(FakeSpace):
    """Writes what is executed as plain text in place of a model."""

    def export_onnx(self, architecture: Architecture | None, path: Path) -> None:
        placed = self.lower_reference() if architecture is None else self.lower(architecture)
        path.write_text(json.dumps([[p.path, p.operator.key, p.repeats] for p in placed]))


class SimulatedDevice:
    """Wall clock, processor clock and what slows it.

    Args:
        scatter: relative standard deviation of one inference.
        slowness: seconds since the start to a factor on every latency.
        spike_share: share of inferences that are hit by a spike.
        spike: factor on those.
        preempted: whether a spike is time in which the process does not run.
        others: seconds since the start to the share of the machine that others use.
        crowd: factor on latencies while others use any of it.
        crashes: paths of operators that no network survives.
        company: seconds since the start to whether another process computes on the device.
        throttle: seconds since the start to whether heat slows it by two thirds.
        paced: exponent with which the slowness hits the probe; 0: it feels nothing.
        probe_slowness: seconds since the start to a factor on the probe alone.
        cold_probe: factor on the probe's first run behind an inference.
    """

    def __init__(
        self, *, scatter: float = 0.0, slowness: Callable[[float], float] = lambda s: 1.0,
        spike_share: float = 0.0, spike: float = 3.0, preempted: bool = False, seed: int = 0,
        others: Callable[[float], float] = lambda s: 0.0, crowd: float = 1.0,
        crashes: Callable[[Operator], bool] = lambda operator: False, paced: float = 0.0,
        throttle: Callable[[float], bool] = lambda s: False,
        company: Callable[[float], bool] = lambda s: False,
        probe_slowness: Callable[[float], float] = lambda s: 1.0, cold_probe: float = 1.15,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.scatter, self.slowness = scatter, slowness
        self.spike_share, self.spike, self.preempted = spike_share, spike, preempted
        self.others, self.crowd, self.crashes = others, crowd, crashes
        self.paced, self.probe_slowness = paced, probe_slowness
        self.throttle, self.spent_mj = throttle, 0.0
        self.company = company
        self.cold_probe, self.probe_is_cold = cold_probe, False
        self._hot = False
        self.now_s = 0.0
        self.busy_s = 0.0
        self.other_s = 0.0

    def wall_s(self) -> float:
        return self.now_s

    def cpu_s(self) -> float:
        return self.busy_s

    def others_s(self) -> float:
        return self.other_s

    def date_s(self) -> float:
        return 1.7e9 + self.now_s

    def pause(self, seconds: float) -> None:
        self.other_s += self.others(self.now_s) * seconds
        self.now_s += seconds

    def state(self) -> DeviceState:
        """Clock in MHz, degrees, and 2 W."""
        hot = self.throttle(self.now_s)
        return DeviceState(1000.0 if hot else 2000.0, 95.0 if hot else 60.0, 2.0, self.spent_mj,
                           int(self.company(self.now_s)))

    def throttled(self) -> bool:
        hot, self._hot = self._hot, False
        return hot

    def factor(self) -> float:
        """Slowness of the next inference."""
        return self.slowness(self.now_s) * max(0.1, 1 + self.scatter * self.rng.normal())

    def probe_ms(self) -> float:
        """Next time of the probe."""
        slowness = self.slowness(self.now_s) ** self.paced * self.probe_slowness(self.now_s)
        return 4.0 * slowness * (1 + self.scatter * self.rng.normal())

    def spend(self, latency_ms: float) -> None:
        """Lets an inference pass."""
        share = self.others(self.now_s)
        if share:
            latency_ms *= self.crowd
        if self.throttle(self.now_s):
            latency_ms *= 5 / 3
            self._hot = True
        wall = latency_ms
        if self.rng.random() < self.spike_share:
            wall *= self.spike
        self.now_s += wall / 1e3
        self.spent_mj += 2.0 * wall
        self.other_s += share * wall / 1e3
        self.busy_s += (latency_ms if self.preempted else wall) / 1e3


class SimulatedProbe(Session):
    """The model that tells the machine's pace."""

    def __init__(self, device: SimulatedDevice) -> None:
        self.device = device

    def run(self) -> None:
        factor = self.device.cold_probe if self.device.probe_is_cold else 1.0
        self.device.spend(factor * self.device.probe_ms())
        self.device.probe_is_cold = False

    def node_times(self, runs: int) -> NodeTimes:
        raise RuntimeError("the probe is not profiled")

    def graph(self) -> list[GraphNode]:
        raise RuntimeError("the probe is not profiled")

    def close(self) -> None:
        pass


class SimulatedSession(Session):
    def __init__(self, placed: list[PlacedOperator], device: SimulatedDevice) -> None:
        self.placed, self.device = placed, device

    def run(self) -> None:
        truth = sum(truth_ms(p.operator) * p.repeats for p in self.placed)
        self.device.spend(truth * self.device.factor())
        self.device.probe_is_cold = True

    def node_times(self, runs: int) -> NodeTimes:
        factor = self.device.factor()
        times = {f"{p.path}/op": factor * truth_ms(p.operator) * p.repeats for p in self.placed}
        for _ in range(runs):
            self.device.spend(sum(times.values()))
        return NodeTimes(times, sum(times.values()), runs)

    def graph(self) -> list[GraphNode]:
        names = [f"{p.path}/op" for p in self.placed]
        return [GraphNode(name, "Conv", (), (), (name,)) for name in names]

    def close(self) -> None:
        pass


class SimulatedRuntime(Runtime):
    name = "simulated"
    extra = "cpu"
    kinds = ("cpu",)
    precisions = ("fp32",)

    def __init__(self, device: SimulatedDevice) -> None:
        self.device = device

    def available(self) -> bool:
        return True

    def version(self) -> str:
        return "1"

    def open(
        self, model: Path, *, threads: int = 1, precision: str = "fp32", profile: bool = False
    ) -> Session:
        if model.name == PROBE:
            return SimulatedProbe(self.device)
        placed = [
            PlacedOperator(path, Operator.parse(key), repeats)
            for path, key, repeats in json.loads(model.read_text())
        ]
        if any(self.device.crashes(item.operator) for item in placed):
            raise InferenceError(f"simulated cannot load '{model}' (no kernel)")
        return SimulatedSession(placed, self.device)
