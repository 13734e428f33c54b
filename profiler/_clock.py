"""The clocks that timing reads; a simulated device brings its own."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Protocol

_STAT = Path("/proc/stat")
# user, nice, system, irq, softirq, steal; not idle and iowait (3, 4), nor guests (in user).
_BUSY = (0, 1, 2, 5, 6, 7)


class Clock(Protocol):
    """Clocks in seconds: the wall's, this process's processor time, the others', and the date."""

    def wall_s(self) -> float:
        """Monotonic wall time."""

    def cpu_s(self) -> float:
        """Processor time used by this process, summed over its threads."""

    def others_s(self) -> float:
        """Processor time used by all other processes and machines, over the number of cores.

        NaN where the system does not tell.
        """

    def date_s(self) -> float:
        """Seconds since 1970, comparable between processes."""

    def pause(self, seconds: float) -> None:
        """Lets time pass without using the processor."""


class SystemClock:
    """The clocks of the machine.

    Args:
        stat: where Linux counts the processors' time.
    """

    def __init__(self, stat: Path = _STAT) -> None:
        self._stat = stat if stat.exists() else None
        self._cores = os.cpu_count() or 1
        self._tick_s = 1 / os.sysconf("SC_CLK_TCK") if self._stat is not None else math.nan

    def wall_s(self) -> float:
        """Monotonic wall time in seconds."""
        return time.perf_counter()

    def cpu_s(self) -> float:
        """Processor time of this process in seconds."""
        return time.process_time()

    def others_s(self) -> float:
        """See `Clock.others_s`; the system counts it in ticks of some 10 ms."""
        if self._stat is None:
            return math.nan
        with self._stat.open("rb") as file:
            ticks = file.readline().split()[1:]
        busy_s = sum(int(ticks[place]) for place in _BUSY) * self._tick_s
        return (busy_s - time.process_time()) / self._cores

    def date_s(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def pause(self, seconds: float) -> None:
        """Sleeps."""
        time.sleep(seconds)
