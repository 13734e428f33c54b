"""A fixed piece of work, done again and again for a second: how evenly does it go?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from profiler._clock import Clock
from profiler._robust import sigma, undisturbed
from profiler._sampling import no_garbage_collection
from profiler._system import Finding, State

_PIECE_S = 2e-3
_LEAST_SHARE = 0.9
_SOME, _MANY = 0.02, 0.10
_SCATTER, _WILD = 0.01, 0.03


@dataclass(frozen=True, slots=True)
class Spin:
    """How the pieces went.

    Attributes:
        pieces: how many were done.
        preempted: share of them in which this process was put aside.
        slow: share of them far slower than the median, preempted or not.
        scatter: robust relative standard deviation of the others.
        switches: times that the system put this process aside; None where it does not count.
    """

    pieces: int
    preempted: float
    slow: float
    scatter: float
    switches: int | None


def spin(clock: Clock, *, seconds: float = 1.0) -> Spin:
    """Does the work for a while, in one thread.

    Args:
        clock: clocks to read.
        seconds: how long.
    """
    turns = 2000
    # Pieces long enough that reading the clocks costs nothing against them.
    while True:
        start = clock.wall_s()
        _work(turns)
        if clock.wall_s() - start >= _PIECE_S:
            break
        turns *= 2
    wall: list[float] = []
    used: list[float] = []
    switches = _switches()
    with no_garbage_collection():
        end = clock.wall_s() + seconds
        while clock.wall_s() < end or len(wall) < 3:
            cpu, start = clock.cpu_s(), clock.wall_s()
            _work(turns)
            wall.append(clock.wall_s() - start)
            used.append(clock.cpu_s() - cpu)
    after = _switches()
    times = np.array(wall)
    running = np.array(used) >= _LEAST_SHARE * times
    kept = undisturbed(times)
    calm = times[running & kept] if (running & kept).sum() >= 3 else times
    return Spin(len(wall), float(1 - running.mean()), float(1 - kept.mean()),
                sigma(calm) / float(np.median(calm)),
                None if switches is None or after is None else after - switches)


def _work(turns: int) -> int:
    value = 1
    for _ in range(turns):
        value = value * 1103515245 + 12345 & 0x7FFFFFFF
    return value


def _switches() -> int | None:
    try:
        import resource
    except ModuleNotFoundError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def time_slices(found: Spin) -> Finding:
    """Whether the work went evenly."""
    switches = "" if found.switches is None else f", put aside {found.switches} times"
    words = (f"{found.pieces} equal pieces of work: {found.preempted:.1%} preempted, "
             f"{found.slow:.1%} far too slow, the rest scatters by {found.scatter:.1%}{switches}")
    disturbed = max(found.preempted, found.slow)
    if disturbed <= _SOME and found.scatter <= _SCATTER:
        return Finding("time slices", "ok", words)
    state: State = "bad" if disturbed > _MANY or found.scatter > _WILD else "warn"
    return Finding("time slices", state, words,
                   "something else uses this core or changes its clock; see the other findings")
