"""What else the machine did during a second: other work, stolen time, swapping."""

from __future__ import annotations

import os
from dataclasses import dataclass

from profiler._system import Finding, State, System, UnreadableError

_QUIET_CORES = 0.1
_BUSY_SHARE = 0.25
_SOME_STEAL, _MUCH_STEAL = 0.005, 0.02
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """Counters at one time.

    Attributes:
        cpu: ticks of all cores: user, nice, system, idle, iowait, irq, softirq, steal.
        processes: process number to its name and ticks.
        swapped: pages swapped in and out; None where the system does not show it.
        cores: number of cores.
    """

    cpu: tuple[int, ...]
    processes: dict[int, tuple[str, int]]
    swapped: int | None
    cores: int


def moment(system: System) -> Moment:
    """Reads the counters.

    Raises:
        UnreadableError: they cannot be read.
        ValueError: they have another form.
    """
    lines = system.read("proc/stat").splitlines()
    total = tuple(map(int, lines[0].split()[1:9]))
    if len(total) < 8:
        raise ValueError("/proc/stat has fewer than 8 columns")
    cores = sum(line.startswith("cpu") for line in lines) - 1
    return Moment(total, _processes(system), _swapped(system), cores)


def _processes(system: System) -> dict[int, tuple[str, int]]:
    found = {}
    for path in system.glob("proc/[0-9]*/stat"):
        try:
            head, _, tail = system.read(path).rpartition(")")
        except UnreadableError:
            continue  # It ended in the meantime.
        fields = tail.split()
        found[int(path.split("/")[1])] = (head.partition("(")[2], int(fields[11]) + int(fields[12]))
    return found


def _swapped(system: System) -> int | None:
    if not system.has("proc/vmstat"):
        return None
    pairs = (line.split() for line in system.read("proc/vmstat").splitlines())
    return sum(int(value) for name, value in pairs if name in {"pswpin", "pswpout"})


def other_work(before: Moment, after: Moment, pid: int) -> Finding:
    """How many cores other processes kept busy, and which did."""
    ticks = [b - a for a, b in zip(before.cpu, after.cpu, strict=True)]
    total = sum(ticks)
    if total <= 0:
        raise ValueError("no time passed between two readings of /proc/stat")
    used = {number: count - before.processes.get(number, ("", 0))[1]
            for number, (_, count) in after.processes.items()}
    own = used.pop(pid, 0)
    per_core = total / after.cores
    busy = max(0.0, (total - ticks[3] - ticks[4] - ticks[7] - own) / per_core)
    first = sorted((n for n in used if used[n] > 0), key=lambda n: -used[n])[:_SHOWN]
    names = ", ".join(f"{after.processes[n][0]} (process {n}, {used[n] / per_core:.1f})"
                      for n in first)
    words = f"other work kept {busy:.1f} of {after.cores} core(s) busy"
    if busy <= _QUIET_CORES:
        return Finding("other work", "ok", words)
    state: State = "bad" if busy > _BUSY_SHARE * after.cores else "warn"
    return Finding("other work", state, f"{words}: {names}" if names else words,
                   "end it, or wait until it has ended")


def steal(before: Moment, after: Moment) -> Finding:
    """Time in which a virtual machine wanted to run and was not let."""
    ticks = [b - a for a, b in zip(before.cpu, after.cpu, strict=True)]
    if sum(ticks) <= 0:
        raise ValueError("no time passed between two readings of /proc/stat")
    share = ticks[7] / sum(ticks)
    words = f"{share:.1%} of the time was stolen by the host"
    if share <= _SOME_STEAL:
        return Finding("stolen time", "ok", words)
    return Finding("stolen time", "bad" if share > _MUCH_STEAL else "warn", words,
                   "measure at another time, or on a machine with dedicated cores")


def swap(system: System, before: Moment, after: Moment) -> Finding:
    """Whether memory moved to or from disk."""
    if before.swapped is None or after.swapped is None:
        raise UnreadableError("/proc/vmstat: this system does not show it")
    moved = after.swapped - before.swapped
    areas = [line.split() for line in system.read("proc/swaps").splitlines()[1:]]
    used_mb = sum(int(area[3]) for area in areas) / 1024
    if moved > 0:
        return Finding("swap", "bad", f"{moved} pages moved within the test",
                       "free memory; the machine swaps")
    return Finding("swap", "ok", f"{used_mb:.0f} MB lie there, nothing moved" if areas else "none")


def load(system: System) -> Finding:
    """Load average of the last minute against the cores."""
    average = float(system.read("proc/loadavg").split()[0])
    cores = moment(system).cores or os.cpu_count() or 1
    words = f"{average:.2f} over the last minute, {cores} core(s)"
    if average <= _QUIET_CORES * cores + 1:
        return Finding("load", "ok", words)
    return Finding("load", "bad" if average > cores else "warn", words,
                   "wait until the machine is quiet")
