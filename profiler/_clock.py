"""The clocks that timing reads; a simulated device brings its own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks in seconds: the wall's, and the processor time of this process."""

    def wall_s(self) -> float:
        """Monotonic wall time."""

    def cpu_s(self) -> float:
        """Processor time used by this process, summed over its threads."""


class SystemClock:
    """The clocks of the machine."""

    def wall_s(self) -> float:
        """Monotonic wall time in seconds."""
        return time.perf_counter()

    def cpu_s(self) -> float:
        """Processor time of this process in seconds."""
        return time.process_time()
