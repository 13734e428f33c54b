"""The proof of a winner: exported, compared with torch, and measured on the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from evolution.constraint import LatencyConstraint
from evolution.export import BEST, REFERENCE, Array, Predict, export_onnx, onnx_predict
from evolution.measured import Latency, Measured, Measurer
from evolution.recipe import VerificationSection
from evolution.scoring import finite
from luts.space import Architecture

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource

__all__ = ["Check", "Elsewhere", "Latency", "Measured", "Measurer", "Verifier",
           "relative_difference"]


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
        also: measured latencies on the further targets that are here, by their labels.
        over_also: those of them where it breaks the budget.
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
    also: dict[str, Latency] = {}
    over_also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Elsewhere:
    """A further target on which candidates are measured.

    Attributes:
        latency: the limit there.
        measure: measures exported networks there.
    """

    latency: LatencyConstraint
    measure: Measurer


class Verifier:
    """Exports, compares and measures.

    Args:
        accuracy: builds, exports and scores networks.
        measure: measures exported networks on the target, interleaved; None where the target is
            not here, so that candidates are exported and compared only.
        folder: where ``best.onnx`` and ``reference.onnx`` go.
        latency: its budget is the limit for the measured median.
        limits: tolerances.
        threads: threads for the comparison runs.
        also: further targets that are here.
        parameters: largest number of weights of the network as it is built; None sets no limit.
    """

    def __init__(
        self,
        accuracy: AccuracySource,
        measure: Measurer | None,
        folder: Path,
        *,
        latency: LatencyConstraint,
        limits: VerificationSection,
        threads: int,
        also: Sequence[Elsewhere] = (),
        parameters: int | None = None,
    ) -> None:
        self.accuracy = accuracy
        self.measure = measure
        self.folder = folder
        self.latency = latency
        self.also = tuple(also)
        self.limits = limits
        self.threads = threads
        self.parameters = parameters

    @property
    def budget_ms(self) -> float:
        """The limit for the measured median."""
        return self.latency.budget_ms

    def verify(self, architecture: Architecture, budget_ms: float | None = None) -> Check:
        """Proves one architecture; ``best.onnx`` is it afterwards.

        Args:
            architecture: to be proved.
            budget_ms: limit for the measured median; None takes the search's.
        """
        budget_ms = self.budget_ms if budget_ms is None else budget_ms
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
        # Counted on the network itself: proposals were judged by sums over factors.
        count = self.accuracy.parameters(architecture)
        if self.parameters is not None and count > self.parameters:
            faults.append(f"it has {count:,} of {self.parameters:,} parameters")
        elsewhere = {place.latency.label: Latency.of(place.measure({"best": best})["best"])
                     for place in self.also}
        slow = [place.latency for place in self.also
                if elsewhere[place.latency.label].median_ms > place.latency.budget_ms]
        faults += [f"on '{latency.label}' it took {elsewhere[latency.label].median_ms:.3f} ms of "
                   f"{latency.budget_ms:.3f} ms" for latency in slow]
        over = bool(measured) and measured["best"].median_ms > budget_ms
        if over:
            faults.append(
                f"it took {measured['best'].median_ms:.3f} ms of {budget_ms:.3f} ms"
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
            also=elsewhere,
            over_also=tuple(latency.label for latency in slow),
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
