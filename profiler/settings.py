"""How a campaign times its networks, and how it tells where it stands."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from profiler._stopping import StoppingRule

__all__ = ["Progress", "Settings", "StoppingRule"]

# A median needs a few.
_FEWEST_RUNS = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """How each network is timed.

    Attributes:
        target: target name.
        precision: arithmetic precision.
        batch: images per inference.
        threads: threads within one operator.
        rule: when the samples of one visit are enough.
        canary_rule: the same for the canary.
        profiled_runs: inferences with per-node timing in one visit, at most.
        profiled_s: time after which fewer of them do: long inferences average over themselves.
        canary_every: visits between two canaries.
        third_visits: share of networks that may be visited a third time.
        patience_s: time that the whole campaign may wait for other processes to be quiet.
    """

    target: str = "cpu"
    precision: str = "fp32"
    batch: int = 1
    threads: int = 1
    rule: StoppingRule = field(default_factory=lambda: StoppingRule(
        min_samples=8, min_seconds=0.4, max_seconds=2.5, goal=0.006))
    canary_rule: StoppingRule = field(default_factory=lambda: StoppingRule(
        min_samples=4, min_seconds=0.25, max_seconds=2.0, goal=0.006))
    profiled_runs: int = 8
    profiled_s: float = 4.0
    canary_every: int = 8
    third_visits: float = 0.1
    patience_s: float = 120.0

    def profiled_runs_at(self, latency_ms: float) -> int:
        """Inferences with per-node timing of networks that take about so long."""
        affordable = round(1e3 * self.profiled_s / latency_ms)
        return min(self.profiled_runs, max(_FEWEST_RUNS, affordable))

    def as_json(self) -> dict[str, Any]:
        """The settings as they are recorded."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a campaign stands.

    Attributes:
        done: visits done.
        total: visits planned.
        canary: latest canary relative to the first.
    """

    done: int
    total: int
    canary: float
