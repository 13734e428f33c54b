"""Measures exported networks on the targets of a search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolution.goals import Goal
    from evolution.measured import Measured, Measurer
    from evolution.progress import View

# Longer than a campaign allows itself: one verdict hangs on it, and the machine may be busy.
MEASURE_SECONDS = 20.0
# A search of hours is not given up because a campaign happens to run when it ends.
WAIT_SECONDS = 3600.0


def measurer(goal: Goal, max_seconds: float = MEASURE_SECONDS) -> Measurer:
    """What measures on one target of a search.

    Args:
        goal: the target, with its threads and precision.
        max_seconds: time per model after which sampling ends.
    """
    from profiler.lock import device_lock
    from profiler.timing import measure_interleaved

    def measure(paths: Mapping[str, Path]) -> Mapping[str, Measured]:
        with device_lock(goal.target, wait_s=WAIT_SECONDS):
            return measure_interleaved(
                paths,
                target=goal.target,
                threads=goal.threads,
                precision=goal.table.info.precision,
                max_seconds=max_seconds,
            )

    return measure


def is_here(goal: Goal, view: View) -> bool:
    """Whether a further target can be measured; says so where it cannot."""
    from luts.errors import UserError
    from profiler.timing import runtime_for

    why = "its latencies are estimated"
    if not goal.estimated:
        try:
            runtime_for(goal.target, goal.table.info.precision)
            return True
        except UserError as error:
            why = str(error)
    view.say(f"'{goal.latency.label}' is kept by its bound only, not measured: {why}")
    return False
