"""ONNX Runtime: on the CPU, and on CUDA devices by its CUDA and TensorRT providers."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from luts.errors import InferenceError, UserError
from profiler.runtimes._model import random_input
from profiler.runtimes._ort_provider import CPU, CUDA, TENSORRT, Provider, bind, check_provider
from profiler.runtimes._ort_session import OnnxSession, failures
from profiler.runtimes.base import Runtime, Session, kind_of

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
        except failures() as error:
            if folder is not None:
                folder.cleanup()
            raise InferenceError(f"onnxruntime cannot load '{model}' ({error})") from None
        binding = None if self.device == "cpu" else bind(session, feeds, self.device)
        return OnnxSession(model, session, feeds, folder, binding)


def onnxruntime_tensorrt() -> OnnxRuntime:
    """ONNX Runtime with TensorRT's provider, for the registry."""
    return OnnxRuntime(TENSORRT, "cuda:0", "onnxruntime_tensorrt")


def _input(item: Any) -> npt.NDArray[Any]:
    """Random values in the range of pixels for images, and of [0, 1) for anything else."""
    if item.type not in _TYPES:
        raise UserError(f"input '{item.name}' has type {item.type}; known: {', '.join(_TYPES)}")
    return random_input(item.name, item.shape, _TYPES[item.type])
