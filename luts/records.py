"""What a latency table holds: rows, network samples, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from luts.operator import Operator
from luts.sealed import Sealed

FORMAT = 5
Drawn = Literal["uniform", "cover", "reference"]


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """Latency of one operator inside whole networks; one execution of it.

    Attributes:
        operator: what was measured.
        latency_ms: median over the contexts.
        p10_ms: tenth percentile over the contexts.
        p90_ms: ninetieth percentile over the contexts.
        contexts: places in networks where it was measured.
        samples: executions behind these figures.
    """

    operator: Operator
    latency_ms: float
    p10_ms: float
    p90_ms: float
    contexts: int
    samples: int


@dataclass(frozen=True, slots=True)
class NetworkSample:
    """End-to-end latency of one whole network.

    Attributes:
        vector: choice index of each decision; None is the reference network.
        latency_ms: median of the inferences that were kept, at the machine's usual speed.
        p10_ms: tenth percentile of them.
        p90_ms: ninetieth percentile of them.
        samples: inferences kept.
        order: position in the campaign.
        drawn: ``uniform`` (a plain random draw, fit for calibration), ``cover`` (chosen) or
            ``reference``.
        unattributed_ms: time per inference that belongs to no operator.
        discarded: inferences thrown away as disturbed.
        session_ms: one session alone, at the machine's usual pace but otherwise as the clock showed
            it: what a later measurement is like. None: not known apart.
        slowness: the raw latency was divided by this: how much slower than usual the machine was.
        load: load average of the machine at that time.
        frequency_mhz: clock of the device, where it tells.
        temperature_c: its temperature.
        power_w: its power.
        energy_mj: energy of one inference.
    """

    vector: tuple[int, ...] | None
    latency_ms: float
    p10_ms: float
    p90_ms: float
    samples: int
    order: int
    drawn: Drawn = "uniform"
    unattributed_ms: float = 0.0
    discarded: int = 0
    session_ms: float | None = None
    slowness: float = 1.0
    load: float = 0.0
    frequency_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    energy_mj: float | None = None


class Drift(BaseModel):
    """What the canary, a network timed again and again during the campaign, says.

    Attributes:
        verdict: ``steady``, ``corrected`` (it moved, and the canary explains the samples),
            ``drifting``, or ``disturbed`` (other processes were busy beside too many networks, and
            repeated timings disagree).
        change: relative change of the canary over the campaign, by a robust line.
        movement: relative distance between its fastest and slowest times, smoothed.
        spread: robust relative scatter of the canary about its smoothed course.
        canaries: how often it was timed.
        disturbed: share of networks that were never timed without busy processes beside them.
        level_ms: median of its timings at the campaign's pace; 0 where it was not timed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Literal["steady", "corrected", "drifting", "disturbed"] = "steady"
    change: float = 0.0
    movement: float = 0.0
    spread: float = 0.0
    canaries: int = 0
    disturbed: float = 0.0
    level_ms: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @property
    def usable(self) -> bool:
        """Whether the table tells the device's latencies rather than the machine's unrest."""
        return self.verdict in ("steady", "corrected")

    @property
    def problem(self) -> str:
        """What speaks against the table, in words; empty where nothing does."""
        if self.verdict == "drifting":
            return f"the device's speed moved by {self.movement:.1%}"
        if self.verdict == "disturbed":
            return (
                f"other processes were busy beside {self.disturbed:.0%} of the networks, and "
                "repeated timings disagreed"
            )
        return ""


class Pace(BaseModel):
    """What the probe, a small fixed model timed between inferences, says of the machine's speed.

    Attributes:
        median_ms: its median over the campaign: the usual speed; 0 where it was not timed.
        spread: robust relative scatter of it.
        sensitivity: exponent with which latencies of networks go with it; 0 where it tells nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    median_ms: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    spread: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    sensitivity: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def slowness(self, pace_ms: float | None) -> float:
        """How much slower than usual networks run beside a pace in ms; 1 where that is unknown."""
        if pace_ms is None or self.median_ms == 0:
            return 1.0
        return (pace_ms / self.median_ms) ** self.sensitivity  # type: ignore[no-any-return]


class Circumstances(Sealed):
    """What the latencies of a table, measured or estimated, are of.

    Attributes:
        space_hash: digest of the space's decisions and operators.
        device: what the device says of itself, or its data sheet.
        runtime: what executes the networks.
        batch: inputs per inference.
        threads: threads that a network runs on.
    """

    target: str
    recipe: str
    space_hash: str
    device: dict[str, str | int | float | list[str]]
    runtime: str
    runtime_version: str
    precision: str
    batch: int = Field(gt=0)
    threads: int = Field(gt=0)


class TableInfo(Circumstances):
    """Provenance of a table: where, with what and when it was measured.

    Attributes:
        overhead_ms: time per inference that the sum of rows leaves unexplained, the median over
            networks; it makes sums unbiased.
        noise: relative standard deviation (robust) of a network measured again.
        failures: what the runtime said of networks that it could not execute, and of how many.
        plan_hash: digest of the planned networks.
        code_hash: digest of the measuring code.
        calibrated_from: identity of the table that this one was adapted from; empty: measured.
        content_sha256: digest of each Parquet file; filled by `LatencyTable.save`.
    """

    format: int = FORMAT
    code_hash: str
    plan_hash: str
    created: str
    rows: int = 0
    networks: int = 0
    complete: bool
    drift: Drift = Drift()
    pace: Pace = Pace()
    noise: float = Field(ge=0)
    overhead_ms: float = Field(default=0.0, allow_inf_nan=False)
    failures: dict[str, int] = Field(default={})
    settings: dict[str, str | int | float | bool] = Field(default={})
    calibrated_from: str = ""
    content_sha256: dict[str, str] = Field(default={})
