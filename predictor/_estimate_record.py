"""What an estimate says: the whole, its parts, and how each is known."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Known = Literal["measured", "estimated", "unknown"]


class OperatorEstimate(BaseModel):
    """One operator of a model; equal ones are put together.

    Attributes:
        operator: canonical key.
        kind: what it computes.
        source: ``measured`` in the library, ``estimated`` by the model of its kind, or
            ``unknown``: nothing of its kind was measured.
        count: how often an inference executes it.
        latency_ms: time of all these executions.
        share: part of the estimated latency.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operator: str
    kind: str
    source: Known
    count: int = Field(gt=0)
    latency_ms: float = Field(gt=0, allow_inf_nan=False)
    share: float = Field(ge=0, allow_inf_nan=False)


class Estimate(BaseModel):
    """Latency of one model on one target, without executing it there to time it.

    Attributes:
        model: file name, or class of the module.
        target: target name.
        runtime: runtime whose fused graph was estimated.
        precision: arithmetic precision.
        threads: threads within one operator.
        library: identity of the library, or of the laws, behind it.
        level: share of models whose measured latency lies in the interval.
        latency_ms: expected latency.
        lower_ms: lower end of the interval.
        upper_ms: upper end.
        measured_share: part of the operators' time that was measured in the library.
        estimated_share: part that comes from models of operators.
        unknown_share: part of kinds that were never measured.
        unknown_kinds: names of those kinds.
        batch: so many times the inputs of the model.
        eager_ms: on such targets, the same where a host launches each kernel, if it is as fast as
            the published measurements' hosts.
        evidence: of a target that was not measured here, the measurements behind the estimate.
        operators: the longest first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    target: str
    runtime: str
    precision: str
    threads: int
    library: str
    level: float
    latency_ms: float = Field(gt=0, allow_inf_nan=False)
    lower_ms: float = Field(ge=0, allow_inf_nan=False)
    upper_ms: float = Field(gt=0, allow_inf_nan=False)
    measured_share: float = Field(ge=0, le=1.000001)
    estimated_share: float = Field(ge=0, le=1.000001)
    unknown_share: float = Field(ge=0, le=1.000001)
    unknown_kinds: tuple[str, ...] = ()
    batch: int = Field(default=1, gt=0)
    eager_ms: float | None = None
    evidence: str = ""
    operators: tuple[OperatorEstimate, ...]
