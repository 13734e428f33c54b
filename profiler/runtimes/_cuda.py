"""CUDA devices by way of torch: what is reachable, and how work on one is timed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from luts.errors import UserError

# Kernels pick their algorithms and allocate in the first launches.
_WARM_UP_LAUNCHES = 3


def reach(device: str) -> Any:
    """The torch device of a name such as ``cuda:0``.

    Raises:
        UserError: torch has no CUDA here, or no such device answers.
    """
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        why = "torch is built without CUDA" if built is None else "no CUDA device answers torch"
        raise UserError(f"device '{device}' cannot be reached: {why}")
    number = int(device.partition(":")[2] or 0)
    if number >= torch.cuda.device_count():
        raise UserError(
            f"no device '{device}'; known: "
            + ", ".join(f"cuda:{i}" for i in range(torch.cuda.device_count()))
        )
    return torch.device("cuda", number)


def capability_of(device: str) -> str | None:
    """Compute capability of a device such as ``cuda:0``; None where torch does not reach it."""
    import torch

    try:
        return ".".join(map(str, torch.cuda.get_device_capability(reach(device))))
    except UserError:
        return None


class TimedWork:
    """Work on one stream, captured into a CUDA graph where it can be, timed by device events.

    Inputs stay on the device, so no transfer is part of a time. Nothing is flushed between
    launches: caches are as warm as the launch before left them.

    Args:
        work: enqueues the work on the current stream, whose handle it is given.
        device: torch device.
        capture: whether to capture it; else each launch is enqueued anew.
    """

    def __init__(self, work: Callable[[int], None], device: Any, *, capture: bool = True) -> None:
        import torch

        cuda: Any = torch.cuda
        self._work = work
        self._device = device
        self._stream = cuda.Stream(device)
        self._start = cuda.Event(enable_timing=True)
        self._end = cuda.Event(enable_timing=True)
        self._graph: Any | None = None
        # Weights were copied on another stream.
        cuda.synchronize(device)
        for _ in range(_WARM_UP_LAUNCHES):
            self.launch()
        if capture:
            self._capture()

    @property
    def captured(self) -> bool:
        """Whether a graph is replayed, so that launches of single kernels cost nothing."""
        return self._graph is not None

    def replay(self) -> float:
        """Runs the work once; returns its time in ms by device events."""
        return self.timed(self._graph.replay) if self._graph is not None else self.launch()

    def launch(self) -> float:
        """Runs the work once without its graph; returns its time in ms by device events."""
        return self.timed(lambda: self._work(self._stream.cuda_stream))

    def timed(self, enqueue: Callable[[], object]) -> float:
        """Enqueues on the stream and waits; returns the time between in ms by device events."""
        import torch

        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            self._start.record(self._stream)
            enqueue()
            self._end.record(self._stream)
        # Spins, for the event was not made blocking.
        self._end.synchronize()
        return float(self._start.elapsed_time(self._end))

    def _capture(self) -> None:
        import torch

        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.device(self._device), torch.cuda.graph(
                graph, stream=self._stream, capture_error_mode="thread_local"
            ):
                self._work(self._stream.cuda_stream)
        except RuntimeError as error:
            told = str(error).splitlines() or ["no reason given"]
            warnings.warn(
                f"no CUDA graph can be captured ({told[0]}); launches are part of every time",
                RuntimeWarning, stacklevel=3,
            )
            return
        self._graph = graph
