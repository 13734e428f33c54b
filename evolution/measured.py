"""Latencies as they are measured, and as they are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict


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
