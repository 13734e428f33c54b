"""The proof of a winner: exported, compared with torch, and measured on the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from evolution.export import BEST, REFERENCE, Array, Predict, export_onnx, onnx_predict
from evolution.recipe import VerificationSection
from evolution.scoring import finite
from luts.space import Architecture

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource


class Measured(Protocol):
    """Latencies of one network; `profiler.timing.Measurement` is one."""

    @property
    def median_ms(self) -> float:
        """Median."""
        ...

    @property
    def p10_ms(self) -> float:
        """Tenth percentile."""
        ...

    @property
    def p90_ms(self) -> float:
        """Ninetieth percentile."""
        ...

    @property
    def p99_ms(self) -> float:
        """Ninety-ninth percentile."""
        ...

    @property
    def samples(self) -> int:
        """Inferences behind these figures."""
        ...


Measurer = Callable[[Mapping[str, Path]], Mapping[str, Measured]]


class Latency(BaseModel):
    """A measured latency, as it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    median_ms: float
    p10_ms: float
    p90_ms: float
    p99_ms: float
    samples: int

    @classmethod
    def of(cls, measured: Measured) -> Latency:
        """Copies a measurement."""
        return cls(**{name: getattr(measured, name) for name in cls.model_fields})


class Check(BaseModel):
    """What was found about one candidate; None stands for a number that was not finite.

    Attributes:
        onnx_metrics: validation metrics of the exported model.
        torch_metrics: the same of the network in torch.
        output_error: largest absolute difference of the outputs over the largest absolute output.
        metric_error: largest relative difference of a metric.
        best: measured latency of the candidate; None where nothing could be measured.
        reference: measured latency of the reference, interleaved with the candidate's, or None.
        faults: why it is struck, in words; empty when it is verified.
        over_budget: whether one of the faults is the latency.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    onnx_metrics: dict[str, float | None]
    torch_metrics: dict[str, float | None]
    output_error: float | None
    metric_error: float | None
    best: Latency | None
    reference: Latency | None
    faults: tuple[str, ...]
    over_budget: bool


class Verifier:
    """Exports, compares and measures.

    Args:
        accuracy: builds, exports and scores networks.
        measure: measures exported networks on the target, interleaved; None where the target is
            not here, so that candidates are exported and compared only.
        folder: where ``best.onnx`` and ``reference.onnx`` go.
        budget_ms: the limit for the measured median.
        limits: tolerances.
        threads: threads for the comparison runs.
    """

    def __init__(
        self,
        accuracy: AccuracySource,
        measure: Measurer | None,
        folder: Path,
        *,
        budget_ms: float,
        limits: VerificationSection,
        threads: int,
    ) -> None:
        self.accuracy = accuracy
        self.measure = measure
        self.folder = folder
        self.budget_ms = budget_ms
        self.limits = limits
        self.threads = threads

    def verify(self, architecture: Architecture) -> Check:
        """Proves one architecture; ``best.onnx`` is it afterwards."""
        network = self.accuracy.network(architecture)
        best = self.folder / BEST
        export_onnx(self.accuracy, network, best)

        names = list(self.accuracy.example_inputs())

        def in_torch(*arrays: Array) -> Array:
            inputs = dict(zip(names, arrays, strict=True))
            return np.asarray(self.accuracy.output_of(network, inputs), dtype=np.float32)

        exported = onnx_predict(best, self.threads)
        example = list(self.accuracy.example_inputs().values())
        output_error = relative_difference(exported(*example), in_torch(*example))
        onnx_metrics, torch_metrics = self._metrics(exported), self._metrics(in_torch)
        metric_error = max(
            relative_difference(np.array(onnx_metrics[name]), np.array(value))
            for name, value in torch_metrics.items()
        )
        measured: dict[str, Latency] = {}
        if self.measure is not None:
            latencies = self.measure({"best": best, "reference": self.reference()})
            measured = {name: Latency.of(value) for name, value in latencies.items()}
        faults = []
        if not output_error <= self.limits.output_tolerance:
            faults.append(f"its exported outputs differ from torch by {output_error:.2g}")
        if not metric_error <= self.limits.metric_tolerance:
            faults.append(f"its exported metrics differ from torch by {metric_error:.2g}")
        over = bool(measured) and measured["best"].median_ms > self.budget_ms
        if over:
            faults.append(
                f"it took {measured['best'].median_ms:.3f} ms of {self.budget_ms:.3f} ms"
            )
        return Check(
            onnx_metrics={name: finite(value) for name, value in onnx_metrics.items()},
            torch_metrics={name: finite(value) for name, value in torch_metrics.items()},
            output_error=finite(output_error),
            metric_error=finite(metric_error),
            best=measured.get("best"),
            reference=measured.get("reference"),
            faults=tuple(faults),
            over_budget=over,
        )

    def reference(self) -> Path:
        """Writes ``reference.onnx`` once."""
        path = self.folder / REFERENCE
        if not path.exists():
            export_onnx(self.accuracy, self.accuracy.network(None), path)
        return path

    def _metrics(self, predict: Predict) -> dict[str, float]:
        return {name: float(v) for name, v in self.accuracy.score_model(predict).items()}


def relative_difference(value: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """Largest absolute difference over the largest absolute wanted value; inf for nan.

    Args:
        value: any shape.
        wanted: the same shape.
    """
    if value.shape != wanted.shape:
        return float("inf")
    difference = float(np.max(np.abs(value - wanted)))
    scale = float(np.max(np.abs(wanted)))
    if not np.isfinite(difference):
        return float("inf")
    return difference / scale if scale > 0 else difference
