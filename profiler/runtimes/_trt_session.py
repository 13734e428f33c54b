"""A TensorRT engine that is ready to run on its device."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from luts.errors import InferenceError
from profiler.runtimes._cuda import TimedWork
from profiler.runtimes._model import Inputs
from profiler.runtimes._trt_graph import executed_layers
from profiler.runtimes.base import GraphNode, NodeTimes, Session


class TrtSession(Session):
    """An engine with inputs and outputs that stay on the device.

    Args:
        trt: the package.
        engine: serialized engine.
        feeds: input name to value.
        device: torch device.
        log: the package's logger, which keeps its errors.
        profile: whether `node_times` will be asked for.

    Raises:
        InferenceError: the engine does not fit this device.
    """

    def __init__(
        self, trt: Any, engine: Any, feeds: Inputs, device: Any, log: Any, *, profile: bool
    ) -> None:
        import torch

        self._trt = trt
        self._asked = not profile
        self._profiled = profile
        self._timed: dict[str, float] = {}
        with torch.cuda.device(device):
            self._runtime = trt.Runtime(log)
            self._engine = self._runtime.deserialize_cuda_engine(engine)
            context = self._engine and self._engine.create_execution_context()
        if context is None:
            why = log.errors[-1] if log.errors else "no reason given"
            raise InferenceError(f"{trt.__name__} cannot load the engine on '{device}' ({why})")
        self._context: Any = context
        self._tensors = self._bind(feeds, device)
        stream = torch.cuda.current_stream(device).cuda_stream
        # Only TensorRT-RTX may answer no: it compiles kernels while it runs.
        capturable = getattr(context, "is_stream_capturable", lambda stream: True)
        self._work: TimedWork | None = TimedWork(
            self._enqueue, device, capture=bool(capturable(stream)))

    def run(self) -> float:
        """Executes one inference; returns its time in ms by device events."""
        assert self._work is not None
        return self._work.replay()

    def node_times(self, runs: int) -> NodeTimes:
        """Mean over the inferences, which are launched without a graph."""
        if self._asked or self._work is None:
            raise RuntimeError("node times are asked once, of a session opened with profile=True")
        self._asked = True
        profiler = _make_profiler(self._trt)
        self._context.profiler = profiler
        self._work.launch()
        profiler.totals_ms.clear()
        whole_ms = sum(self._work.launch() for _ in range(runs)) / runs
        self._timed = {name: total / runs for name, total in profiler.totals_ms.items() if total}
        self._context.profiler = None
        return NodeTimes(dict(self._timed), whole_ms, runs)

    def graph(self) -> list[GraphNode]:
        """Layers of the engine as its inspector lists them."""
        if not self._profiled:
            raise RuntimeError("the executed graph is kept in a session opened with profile=True")
        inspector = self._engine.create_engine_inspector()
        inspector.execution_context = self._context
        written = inspector.get_engine_information(self._trt.LayerInformationFormat.JSON)
        return executed_layers(written, self._timed)

    def close(self) -> None:
        """Frees the engine and its tensors."""
        self._work = self._context = self._engine = self._runtime = None
        self._tensors = {}

    def _enqueue(self, stream: int) -> None:
        if not self._context.execute_async_v3(stream):
            raise InferenceError(f"{self._trt.__name__} refused to enqueue an inference")

    def _bind(self, feeds: Inputs, device: Any) -> dict[str, Any]:
        import torch

        tensors = {}
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            dtype = self._engine.get_tensor_dtype(name)
            shape = tuple(self._context.get_tensor_shape(name))
            if name in feeds:
                tensors[name] = torch.from_numpy(feeds[name]).to(device)
            else:
                tensors[name] = torch.empty(shape, dtype=_torch_type(self._trt, dtype),
                                            device=device)
            self._context.set_tensor_address(name, tensors[name].data_ptr())
        return tensors


def _torch_type(trt: Any, dtype: Any) -> Any:
    import torch

    known = {
        "FLOAT": torch.float32, "HALF": torch.float16, "BF16": torch.bfloat16,
        "INT8": torch.int8, "INT32": torch.int32, "INT64": torch.int64, "BOOL": torch.bool,
        "UINT8": torch.uint8,
    }
    if dtype.name not in known:
        raise InferenceError(f"a result has type {dtype.name}; known: {', '.join(known)}")
    return known[dtype.name]


def _make_profiler(trt: Any) -> Any:
    class Profiler(trt.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.totals_ms: dict[str, float] = defaultdict(float)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.totals_ms[layer_name] += ms

    return Profiler()
