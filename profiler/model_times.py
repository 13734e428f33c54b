"""What the timing of one model says, end to end and layer by layer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Layer(BaseModel):
    """One step that the runtime executed.

    Attributes:
        name: node of the model from which it stems; a step that the runtime added is named after
            the node that it serves.
        kind: operator type, as executed.
        latency_ms: time in one undisturbed inference.
        share: part of the end-to-end median.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: str
    latency_ms: float = Field(ge=0, allow_inf_nan=False)
    share: float = Field(ge=0, allow_inf_nan=False)


class ModelTimes(BaseModel):
    """What one model took on one device; what ``profiler.measure --json`` prints.

    Attributes:
        kind: says what this record is.
        format: version of this record.
        model: file name.
        model_sha256: digest of the file.
        created: UTC.
        target: target name.
        device: identity of the device.
        runtime: name.
        runtime_version: version of the package.
        precision: arithmetic precision.
        threads: threads within one operator.
        load: load average of the machine when it was measured.
        median_ms: end-to-end median of the samples that were kept.
        p10_ms: tenth percentile of them.
        p90_ms: ninetieth percentile.
        p99_ms: ninety-ninth percentile.
        samples: inferences kept.
        discarded: inferences thrown away as disturbed.
        error: relative standard error of the median.
        throttled: whether heat or power slowed the device all the while.
        profiled_runs: inferences behind the layers' times.
        layers: the longest first.
        unattributed_ms: time that belongs to no layer; below 0 where steps ran at the same time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["metronas.measure"] = "metronas.measure"
    format: Literal[1] = 1
    model: str
    model_sha256: str
    created: str
    target: str
    device: dict[str, str | int | float | list[str]]
    runtime: str
    runtime_version: str
    precision: str
    threads: int = Field(gt=0)
    load: float
    median_ms: float = Field(gt=0, allow_inf_nan=False)
    p10_ms: float = Field(gt=0, allow_inf_nan=False)
    p90_ms: float = Field(gt=0, allow_inf_nan=False)
    p99_ms: float = Field(gt=0, allow_inf_nan=False)
    samples: int = Field(gt=0)
    discarded: int = Field(ge=0)
    error: float = Field(ge=0, allow_inf_nan=False)
    throttled: bool = False
    profiled_runs: int = Field(gt=0)
    layers: tuple[Layer, ...]
    unattributed_ms: float = Field(allow_inf_nan=False)
