"""PyTorch, eagerly on CPUs and as a replayed CUDA graph on GPUs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luts.errors import InferenceError, UserError
from profiler.runtimes._cuda import TimedWork, reach
from profiler.runtimes._model import random_inputs, read_onnx
from profiler.runtimes._torch_mode import Mode
from profiler.runtimes.base import GraphNode, NodeTimes, Runtime, Session, kind_of

if TYPE_CHECKING:
    from profiler.runtimes._torch_program import Program

_PRECISIONS = {"cpu": ("fp32", "bf16"), "gpu": ("fp32", "tf32", "fp16", "bf16")}
_AUTOCAST = {"fp16": "float16", "bf16": "bfloat16"}


class TorchRuntime(Runtime):
    """Runs the nodes of the ONNX file as torch functions, one by one and unfused.

    Lower precisions are autocast; weights of convolutions and products are cast beforehand.

    Args:
        device: ``cpu``, or such as ``cuda:0``.
    """

    name = "torch"
    extra = "cpu"
    kinds = ("cpu", "gpu")

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    @property
    def precisions(self) -> tuple[str, ...]:
        """fp32 and bf16 on CPUs; fp32, tf32, fp16 and bf16 on GPUs."""
        return _PRECISIONS[kind_of(self.device)]

    def available(self) -> bool:
        """Whether the package can be imported."""
        return importlib.util.find_spec("torch") is not None

    def version(self) -> str:
        """Version of the package with the flavour it was built for."""
        import torch

        return str(torch.__version__)

    def on(self, device: str) -> TorchRuntime:
        """The same runtime on another device; see `Runtime.on`."""
        super().on(device)
        if kind_of(device) == "gpu":
            reach(device)
        return TorchRuntime(device)

    def open(
        self, model: Path, *, threads: int = 1, precision: str = "fp32", profile: bool = False
    ) -> Session:
        """Loads a model; see `Runtime.open`."""
        self.check(precision, threads)
        read = read_onnx(model, weights=True)
        feeds = random_inputs(read)
        import torch

        from profiler.runtimes._torch_program import Program

        on_cpu = kind_of(self.device) == "cpu"
        device = torch.device("cpu") if on_cpu else reach(self.device)
        dtype = getattr(torch, _AUTOCAST[precision]) if precision in _AUTOCAST else None
        mode = Mode(device.type, dtype, tf32=precision == "tf32", threads=threads)
        try:
            with mode.active():
                program = Program(read, feeds, device, dtype)
        except UserError as error:
            raise InferenceError(f"torch cannot load '{model}' ({error})") from None
        if on_cpu:
            return CpuSession(model, program, mode, profile=profile)
        with _failing(model):
            return CudaSession(model, program, mode, device, profile=profile)


@contextmanager
def _failing(model: Path) -> Iterator[None]:
    """Turns torch's failures, such as memory that does not suffice, into one line."""
    try:
        yield
    except RuntimeError as error:
        told = str(error).splitlines() or ["no reason given"]
        raise InferenceError(f"torch cannot execute '{model}' ({told[0]})") from None


class _TorchSession(Session):
    def __init__(self, model: Path, program: Program, mode: Mode, *, profile: bool) -> None:
        self._model = model
        self._program: Program | None = program
        self._mode = mode
        self._profiled = profile
        self._asked = not profile

    def _ask(self) -> Program:
        if self._asked or self._program is None:
            raise RuntimeError("node times are asked once, of a session opened with profile=True")
        self._asked = True
        return self._program

    def graph(self) -> list[GraphNode]:
        """Steps of the program; each is one node of the exported model."""
        if not self._profiled or self._program is None:
            raise RuntimeError("the executed graph is kept in a session opened with profile=True")
        return [GraphNode(step.name, step.kind, step.inputs, step.outputs, (step.name,))
                for step in self._program.steps]

    def close(self) -> None:
        """Frees the model."""
        self._program = None


class CpuSession(_TorchSession):
    """Eager execution on the CPU."""

    def run(self) -> None:
        """Executes one inference."""
        assert self._program is not None
        with _failing(self._model), self._mode.active():
            self._program.run()

    def node_times(self, runs: int) -> NodeTimes:
        """Times step by step; see `wall_times`."""
        from profiler.runtimes._torch_times import wall_times

        program = self._ask()
        with _failing(self._model), self._mode.active():
            return wall_times(program, runs)


class CudaSession(_TorchSession):
    """A CUDA graph that is replayed and timed by device events."""

    def __init__(
        self, model: Path, program: Program, mode: Mode, device: Any, *, profile: bool
    ) -> None:
        super().__init__(model, program, mode, profile=profile)
        # What a captured graph reads and writes must live as long as it.
        self._results: list[Any] = []

        def work(stream: int) -> None:
            with mode.active():
                self._results = program.run()

        self._work: TimedWork | None = TimedWork(work, device)

    def run(self) -> float:
        """Executes one inference; returns its time in ms by device events."""
        assert self._work is not None
        with _failing(self._model):
            return self._work.replay()

    def node_times(self, runs: int) -> NodeTimes:
        """Times of kernels of inferences launched one by one; see `kernel_times`."""
        from profiler.runtimes._torch_times import kernel_times

        program, work = self._ask(), self._work
        assert work is not None
        with _failing(self._model), self._mode.active():
            whole_ms = sum(work.replay() for _ in range(runs)) / runs
            return kernel_times(program, work.timed, whole_ms, runs)

    def close(self) -> None:
        """Frees the graph and the model."""
        super().close()
        self._work = None
        self._results = []
