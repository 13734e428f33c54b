"""All checks of a machine, in order."""

from __future__ import annotations

from collections.abc import Callable

from profiler import _doctor_clock, _doctor_limits
from profiler._clock import Clock
from profiler._doctor_gpu import gpu_findings
from profiler._doctor_load import Moment, load, moment, other_work, steal, swap
from profiler._doctor_spin import spin, time_slices
from profiler._system import Check, Finding, System, UnreadableError, run_checks


def diagnose(
    system: System, clock: Clock, *, seconds: float = 1.0, gpu: int | None = None
) -> list[Finding]:
    """Looks at the machine, and works for a while to see what happens meanwhile.

    Args:
        system: the machine.
        clock: clocks to read.
        seconds: length of the work.
        gpu: number of the CUDA device to look at too.
    """
    before = _moment(system)
    spun = spin(clock, seconds=seconds)
    after = _moment(system)

    def between(finding: Callable[[Moment, Moment], Finding]) -> Check:
        def check(_: System) -> Finding:
            if isinstance(before, Exception):
                raise before
            if isinstance(after, Exception):
                raise after
            return finding(before, after)

        return check

    checks: list[tuple[str, Check]] = [
        ("time slices", lambda _: time_slices(spun)),
        ("other work", between(lambda a, b: other_work(a, b, system.pid))),
        ("stolen time", between(steal)),
        ("swap", between(lambda a, b: swap(system, a, b))),
        ("load", load),
        *_doctor_limits.CHECKS,
        *_doctor_clock.CHECKS,
    ]
    found = run_checks(system, checks)
    return found if gpu is None else [*found, *gpu_findings(gpu)]


def _moment(system: System) -> Moment | Exception:
    try:
        return moment(system)
    except (UnreadableError, ValueError, IndexError) as error:
        return error
