"""Records of a campaign's journal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from luts.errors import CorruptFileError


class _Record:
    """A dataclass that is written as one line of the journal."""

    __slots__ = ()
    kind: ClassVar[str]

    def as_json(self) -> dict[str, Any]:
        """The record as it is written."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]

    @classmethod
    def of(cls, record: dict[str, Any]) -> Self:
        """Reads a record back.

        Raises:
            CorruptFileError: it has other fields.
        """
        try:
            return cls(**{name: value for name, value in record.items() if name != "kind"})
        except TypeError as error:
            raise CorruptFileError(f"journal: {error}") from None


@dataclass(frozen=True, slots=True)
class VisitRecord(_Record):
    """One timing of one planned network, as measured, before any correction.

    Attributes:
        network: index in the plan.
        turn: 0 and 1 as planned; 2 where these two disagreed.
        date_s: middle of the timing, seconds since 1970.
        latency_ms: end-to-end median.
        p10_ms: tenth percentile.
        p90_ms: ninetieth percentile.
        samples: inferences kept.
        discarded: inferences thrown away.
        seconds: time of all inferences.
        load: load average of the machine.
        runs: profiled inferences behind the operator times.
        by_path_ms: path of a placed operator to the time of one execution.
        unattributed_ms: time per inference that belongs to no operator.
        disturbed: whether other processes were busy all the while.
        pace_ms: the probe's time beside it; None where there was no probe.
        throttled: whether heat or power slowed the device all the while.
        frequency_mhz: clock of the device at the end, where it tells.
        temperature_c: its temperature.
        power_w: its power.
        energy_mj: energy of one inference.
        others: other processes that computed on the device.
    """

    network: int
    turn: int
    date_s: float
    latency_ms: float
    p10_ms: float
    p90_ms: float
    samples: int
    discarded: int
    seconds: float
    load: float
    runs: int
    by_path_ms: dict[str, float]
    unattributed_ms: float
    disturbed: bool = False
    pace_ms: float | None = None
    throttled: bool = False
    frequency_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    energy_mj: float | None = None
    others: int | None = None

    kind = "visit"


@dataclass(frozen=True, slots=True)
class CanaryRecord(_Record):
    """One timing of the canary.

    Attributes:
        date_s: middle of the timing, seconds since 1970.
        latency_ms: median.
        samples: inferences kept.
        discarded: inferences thrown away.
        load: load average of the machine.
        disturbed: whether other processes were busy all the while.
        pace_ms: the probe's time beside it.
    """

    date_s: float
    latency_ms: float
    samples: int
    discarded: int
    load: float
    disturbed: bool = False
    pace_ms: float | None = None

    kind = "canary"


@dataclass(frozen=True, slots=True)
class FailureRecord(_Record):
    """One network that the runtime could not load or execute; it is not tried again.

    Attributes:
        network: index in the plan.
        turn: visit at which it failed.
        date_s: seconds since 1970.
        error: what the runtime said, without the file's name.
    """

    network: int
    turn: int
    date_s: float
    error: str

    kind = "failure"
