"""The clocks that timing reads; a simulated device brings its own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Clocks in seconds: the wall's, this process's processor time, and the date."""

    def wall_s(self) -> float:
        """Monotonic wall time."""

    def cpu_s(self) -> float:
        """Processor time used by this process, summed over its threads."""

    def date_s(self) -> float:
        """Seconds since 1970, comparable between processes."""


class SystemClock:
    """The clocks of the machine."""

    def wall_s(self) -> float:
        """Monotonic wall time in seconds."""
        return time.perf_counter()

    def cpu_s(self) -> float:
        """Processor time of this process in seconds."""
        return time.process_time()

    def date_s(self) -> float:
        """Seconds since 1970."""
        return time.time()
