"""OpenVINO on the CPU."""

from __future__ import annotations

import importlib.util
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

from luts.errors import InferenceError
from profiler.runtimes._model import Inputs, random_inputs, read_onnx
from profiler.runtimes._ov_graph import executed_graph
from profiler.runtimes.base import GraphNode, NodeTimes, Runtime, Session

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_CAPABILITIES = {"fp32": "FP32", "bf16": "BF16"}
_WARM_UP_RUNS = 1
# Means are cut to whole microseconds, which loses half of one on average.
_CUT_US = 0.5


class OpenVino(Runtime):
    """One stream with the latency hint; affinity is left to the process."""

    name = "openvino"
    extra = "openvino"
    kinds = ("cpu",)

    def available(self) -> bool:
        """Whether the package can be imported."""
        return importlib.util.find_spec("openvino") is not None

    def version(self) -> str:
        """Version of the package, without the build it was made from."""
        import openvino

        return str(openvino.__version__).split("-", maxsplit=1)[0]

    @cached_property
    def precisions(self) -> tuple[str, ...]:  # type: ignore[override]
        """fp32, and bf16 where OpenVINO reports that the processor has it."""
        import openvino

        offered = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return tuple(name for name, said in _CAPABILITIES.items() if said in offered)

    def open(
        self, model: Path, *, threads: int = 1, precision: str = "fp32", profile: bool = False
    ) -> Session:
        """Loads a model on the CPU; see `Runtime.open`."""
        import openvino

        self.check(precision, threads)
        exported = read_onnx(model)
        feeds = random_inputs(exported)
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Said also for fp32: processors with bf16 would use it unasked.
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "ENABLE_CPU_PINNING": False,
            "PERF_COUNT": profile,
        }
        try:
            compiled = openvino.Core().compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise InferenceError(f"openvino cannot load '{model}' ({_reason(error)})") from None
        return OpenVinoSession(model, compiled, feeds, exported.graph if profile else None)


class OpenVinoSession(Session):
    """A compiled model with random inputs.

    Args:
        model: file that it was loaded from.
        compiled: the compiled model.
        feeds: input name to value.
        exported: the exported ONNX graph, in a session that is profiled.
    """

    def __init__(
        self, model: Path, compiled: Any, feeds: Inputs, exported: Any | None
    ) -> None:
        import openvino

        self._model = model
        self._compiled = compiled
        self._exported = exported
        self._asked = False
        self._request = compiled.create_infer_request()
        for item in compiled.inputs:
            name = next(name for name in item.get_names() if name in feeds)
            self._request.set_tensor(item, openvino.Tensor(feeds[name]))

    def run(self) -> None:
        """Executes one inference; inputs lie in place, results are not copied."""
        try:
            self._request.start_async()
            self._request.wait()
        except RuntimeError as error:
            raise InferenceError(
                f"openvino cannot execute '{self._model}' ({_reason(error)})") from None

    def node_times(self, runs: int) -> NodeTimes:
        """Mean over the inferences; the first only warms up."""
        if self._exported is None or self._asked:
            raise RuntimeError("node times are asked once, of a session opened with profile=True")
        self._asked = True
        for _ in range(_WARM_UP_RUNS):
            self.run()
        before = self._totals_us(_WARM_UP_RUNS)
        start = perf_counter()
        for _ in range(runs):
            self.run()
        whole_ms = 1e3 * (perf_counter() - start) / runs
        after = self._totals_us(_WARM_UP_RUNS + runs)
        # A cut mean may make the difference vanish; half a microsecond is what it then was.
        by_node = {name: max(total - before.get(name, 0.0), _CUT_US * runs) / runs / 1e3
                   for name, total in after.items()}
        return NodeTimes(by_node, whole_ms, runs)

    def graph(self) -> list[GraphNode]:
        """Nodes of the compiled model."""
        if self._exported is None:
            raise RuntimeError("the executed graph is kept in a session opened with profile=True")
        return executed_graph(self._compiled.get_runtime_model(), self._exported)

    def close(self) -> None:
        """Frees the model."""
        self._request = self._compiled = None

    def _totals_us(self, runs: int) -> dict[str, float]:
        """Node name to time in us summed over all inferences so far.

        OpenVINO reports means over all inferences since the model was compiled.
        """
        totals: dict[str, float] = {}
        for item in self._request.get_profiling_info():
            if item.status == item.Status.EXECUTED:
                mean_us = item.real_time.total_seconds() * 1e6 + _CUT_US
                totals[item.node_name] = totals.get(item.node_name, 0.0) + runs * mean_us
        return totals


def _reason(error: RuntimeError) -> str:
    """OpenVINO's message without the places in its source where it arose."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return "; ".join(told) or "no reason given"
