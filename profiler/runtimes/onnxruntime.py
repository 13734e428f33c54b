"""ONNX Runtime: on the CPU, and on CUDA devices by its CUDA and TensorRT providers."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from luts.errors import InferenceError, UserError
from profiler.runtimes._model import Inputs, random_input
from profiler.runtimes._ort_provider import CPU, CUDA, TENSORRT, Provider, bind, check_provider
from profiler.runtimes._ort_trace import Exported, mean_times
from profiler.runtimes.base import GraphNode, NodeTimes, Runtime, Session, kind_of

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
_ERRORS_ONLY = 3
_WARM_UP_RUNS = 1


class OnnxRuntime(Runtime):
    """Sequential execution, all graph optimisations, one pool of `threads` within operators.

    On a CUDA device it times whole networks: inputs and outputs stay there, and each inference
    waits for the device. It does not time operators there, for its profile tells when kernels were
    launched, not how long they took.

    Args:
        provider: execution provider.
        device: such as ``cpu`` or ``cuda:0``.
        name: the runtime's name.
        fused: whether operators are fused and laid out for the processor; without, constants are
            folded and nothing else.
    """

    def __init__(
        self, provider: Provider = CPU, device: str = "cpu", name: str = "onnxruntime",
        *, fused: bool = True,
    ) -> None:
        self.name = name
        self.extra = "cpu" if device == "cpu" else "gpu"
        self.kinds = ("gpu",) if provider is TENSORRT else ("cpu", "gpu")
        self.device = device
        self._provider = provider
        self._fused = fused

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those that the provider can be told to use."""
        return tuple(self._provider.precisions)

    def on(self, device: str) -> OnnxRuntime:
        """The same for another device; see `Runtime.on`."""
        super().on(device)
        provider = self._provider
        if provider is not TENSORRT:
            provider = CPU if kind_of(device) == "cpu" else CUDA
        check_provider(provider, device)
        return OnnxRuntime(provider, device, self.name)

    def available(self) -> bool:
        """Whether the package can be imported."""
        return importlib.util.find_spec("onnxruntime") is not None

    def version(self) -> str:
        """Version of the package that provides the module, whatever its flavour."""
        import onnxruntime

        return str(onnxruntime.__version__)

    def open(
        self, model: Path, *, threads: int = 1, precision: str = "fp32", profile: bool = False
    ) -> Session:
        """Loads a model; see `Runtime.open`.

        Raises:
            UserError: the precision is not supported, or operators are to be timed on a GPU.
        """
        import onnxruntime as ort

        self.check(precision, threads)
        if profile and self.device != "cpu":
            raise UserError(f"{self.name} does not time operators on '{self.device}'; "
                            "--runtime torch or tensorrt does")
        folder = tempfile.TemporaryDirectory(prefix="metronas-") if profile else None
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _ERRORS_ONLY
        # Else the threads of one session keep a core busy for 20 ms after each inference,
        # which the next session, or the probe of the pace, then lacks (docs/decisions/pace.md).
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if not self._fused:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        if folder is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder.name) / "profile")
            options.optimized_model_filepath = str(Path(folder.name) / "executed.onnx")
        try:
            chosen = (self._provider.name, self._provider.options(self.device, precision))
            session = ort.InferenceSession(model, options, providers=[chosen])
            feeds = {item.name: _input(item) for item in session.get_inputs()}
        except _failures() as error:
            if folder is not None:
                folder.cleanup()
            raise InferenceError(f"onnxruntime cannot load '{model}' ({error})") from None
        binding = None if self.device == "cpu" else bind(session, feeds, self.device)
        return OnnxSession(model, session, feeds, folder, binding)


def onnxruntime_tensorrt() -> OnnxRuntime:
    """ONNX Runtime with TensorRT's provider, for the registry."""
    return OnnxRuntime(TENSORRT, "cuda:0", "onnxruntime_tensorrt")


class OnnxSession(Session):
    """A loaded model with random inputs.

    Args:
        model: file that it was loaded from.
        session: the runtime's session.
        feeds: input name to value.
        folder: where the profile and the executed graph are written, if at all.
        binding: inputs and outputs on the device, where that is not the CPU.
    """

    def __init__(
        self,
        model: Path,
        session: Any,
        feeds: Inputs,
        folder: tempfile.TemporaryDirectory[str] | None,
        binding: Any = None,
    ) -> None:
        self._model = model
        self._session = session
        self._feeds = feeds
        self._folder = folder
        self._binding = binding
        self._asked = False
        self._events: list[dict[str, Any]] = []

    def run(self) -> None:
        """Executes one inference; see `Session.run`."""
        try:
            if self._binding is None:
                self._session.run(None, self._feeds)
            else:
                self._session.run_with_iobinding(self._binding)
        except _failures() as error:
            raise InferenceError(f"onnxruntime cannot execute '{self._model}' ({error})") from None

    def node_times(self, runs: int) -> NodeTimes:
        """Mean over the undisturbed half of the inferences; the first only warms up."""
        if self._folder is None or self._asked:
            raise RuntimeError("node times are asked once, of a session opened with profile=True")
        self._asked = True
        for _ in range(runs + _WARM_UP_RUNS):
            self.run()
        with open(self._session.end_profiling(), encoding="utf-8") as file:
            self._events = json.load(file)
        return mean_times(self._events, runs)

    def trace(self) -> tuple[list[dict[str, Any]], Any]:
        """What the runtime noted of each step, and the graph that it executed (an ONNX graph).

        Names of steps that the runtime added are its own in every session; so the two belong
        together, and to no other session.

        Raises:
            RuntimeError: node times were not asked for yet.
        """
        import onnx

        if self._folder is None or not self._asked:
            raise RuntimeError("there is a trace once node times were asked for")
        path = Path(self._folder.name) / "executed.onnx"
        return self._events, onnx.load(path, load_external_data=False).graph

    def graph(self) -> list[GraphNode]:
        """Nodes of the optimised graph that the session wrote when it was loaded."""
        import onnx

        if self._folder is None:
            raise RuntimeError("the executed graph is kept in a session opened with profile=True")
        exported = Exported(onnx.load(self._model, load_external_data=False).graph)
        executed = onnx.load(Path(self._folder.name) / "executed.onnx").graph
        return [exported.executed(node) for node in executed.node]

    def close(self) -> None:
        """Frees the model and deletes its files."""
        self._binding = None
        self._session = None
        if self._folder is not None:
            self._folder.cleanup()


@cache
def _failures() -> tuple[type[Exception], ...]:
    """What the runtime raises for a model that it cannot load or execute."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
            state.NoSuchFile, state.NotImplemented, state.RuntimeException)


def _input(item: Any) -> npt.NDArray[Any]:
    """Random values in the range of pixels for images, and of [0, 1) for anything else."""
    if item.type not in _TYPES:
        raise UserError(f"input '{item.name}' has type {item.type}; known: {', '.join(_TYPES)}")
    return random_input(item.name, item.shape, _TYPES[item.type])
