"""A model that ONNX Runtime has loaded: inference, times of its nodes, and what was executed."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from luts.errors import InferenceError
from profiler.runtimes._model import Inputs
from profiler.runtimes._ort_trace import Exported, mean_times
from profiler.runtimes.base import GraphNode, NodeTimes, Session

_WARM_UP_RUNS = 1


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
        except failures() as error:
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
def failures() -> tuple[type[Exception], ...]:
    """What the runtime raises for a model that it cannot load or execute."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
            state.NoSuchFile, state.NotImplemented, state.RuntimeException)
