"""The seam to what executes networks."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from pathlib import Path

from luts.errors import UserError


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node of the graph that a runtime really executes, after its optimisations.

    Attributes:
        name: name under which its time is reported.
        kind: operator type.
        inputs: tensor names.
        outputs: tensor names.
        origins: names of nodes of the exported model from which it stems, the surest first.
        with_producer: whether a node without origins serves the node before it, such as the way
            back from a layout of the runtime's own, rather than the one after it.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    origins: tuple[str, ...]
    with_producer: bool = False


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """Time per node inside whole inferences.

    Attributes:
        by_node_ms: node name to its time in one inference; nodes that share a name are summed.
        whole_ms: time of one of the same inferences, as the runtime saw it.
        runs: inferences behind these times.
    """

    by_node_ms: dict[str, float]
    whole_ms: float
    runs: int


class Session(abc.ABC):
    """A model that is loaded and ready to run on fixed inputs."""

    @abc.abstractmethod
    def run(self) -> float | None:
        """Executes one inference and waits for its end.

        Returns:
            Its time in ms by the device's own clock, or None where the wall clock tells it.

        Raises:
            InferenceError: the runtime failed.
        """

    @abc.abstractmethod
    def node_times(self, runs: int) -> NodeTimes:
        """Executes inferences with per-node timing, once in a session opened for it.

        Later calls of `run` are not slowed by it.

        Raises:
            RuntimeError: the session was not opened with ``profile=True``, or was asked before.
        """

    @abc.abstractmethod
    def graph(self) -> list[GraphNode]:
        """Nodes in order of execution.

        Raises:
            RuntimeError: the session was not opened with ``profile=True``.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Frees the model; may be called again."""


class Runtime(abc.ABC):
    """Opens ONNX models on one kind of device.

    Attributes:
        name: such as ``onnxruntime``.
        extra: extra of this package that installs it.
        kinds: kinds of target that it serves (``cpu``, ``gpu``).
        device: the device that it opens models on, such as ``cpu`` or ``cuda:0``.
    """

    name: str
    extra: str
    kinds: tuple[str, ...]
    device: str = "cpu"

    @property
    @abc.abstractmethod
    def precisions(self) -> tuple[str, ...]:
        """Precisions that it can run on its device; asked only where it is available."""

    @abc.abstractmethod
    def available(self) -> bool:
        """Whether it is installed."""

    @abc.abstractmethod
    def version(self) -> str:
        """Version of the installed package."""

    @abc.abstractmethod
    def open(
        self, model: Path, *, threads: int = 1, precision: str = "fp32", profile: bool = False
    ) -> Session:
        """Loads a model.

        Args:
            model: ONNX file with fixed input shapes.
            threads: threads within one operator.
            precision: one of ``precisions``.
            profile: whether `Session.node_times` will be asked for.

        Raises:
            InferenceError: the runtime cannot load the file.
            UserError: an input has a free dimension, or the precision is not supported.
        """

    def on(self, device: str) -> Runtime:
        """The same runtime for a device.

        Args:
            device: such as ``cpu`` or ``cuda:0``.

        Raises:
            UserError: it does not serve this kind of device, or cannot reach it.
        """
        if kind_of(device) not in self.kinds:
            raise UserError(f"runtime '{self.name}' does not serve '{device}' here")
        return self

    def check(self, precision: str, threads: int) -> None:
        """Refuses what `open` cannot do.

        Raises:
            UserError: the precision is not supported, or there is no thread.
        """
        if precision not in self.precisions:
            known = ", ".join(self.precisions)
            raise UserError(f"{self.name} on '{self.device}' runs {known}, not '{precision}'")
        if threads < 1:
            raise UserError(f"threads must be at least 1, got {threads}")


def kind_of(device: str) -> str:
    """Kind of target (``cpu``, ``gpu``) that a device name stands for."""
    return "cpu" if device == "cpu" else "gpu"
