"""The largest plan that a number of minutes allows."""

from __future__ import annotations

from pathlib import Path

from luts.errors import UserError
from luts.files import Journal
from luts.space import OperatorSpace
from profiler._estimate import estimate_minutes
from profiler._state import JOURNAL
from profiler.plan import Plan, make_plan
from profiler.runtimes import Runtime
from profiler.settings import Settings

# Reference and the two extremes bound every estimate; fewer networks say nothing.
_FEWEST = 4


def plan_within(
    minutes: float, space: OperatorSpace, plan: Plan, runtime: Runtime, settings: Settings
) -> Plan:
    """Shrinks a plan until it is estimated to take no longer.

    Operators without any context are shown first; what no network shows is `Plan.unmeasured`.

    Args:
        minutes: time to spend.
        space: what is measured.
        plan: all that one would measure.
        runtime: what executes the networks; the reference is timed with it.
        settings: how each network is timed.

    Raises:
        UserError: not even the fewest networks fit.
    """
    needed = estimate_minutes(space, plan, runtime, settings)
    if needed <= minutes:
        return plan
    networks = int(len(plan.networks) * minutes / needed)
    if networks < _FEWEST:
        least = needed * _FEWEST / len(plan.networks)
        raise UserError(
            f"--budget-minutes {minutes:g} is too little: {_FEWEST} networks take about "
            f"{least:.1f} minutes here, all {len(plan.networks)} about {needed:.1f}"
        )
    return make_plan(space, networks=networks, seed=plan.seed, partial=True)


def begun_networks(folder: Path) -> int | None:
    """How many networks the campaign in a folder was begun with; None where there is none."""
    path = folder / JOURNAL
    if not path.is_file():
        return None
    journal = Journal(path)
    journal.close()
    found = journal.records[0].get("planned") if journal.records else None
    return None if found is None else int(found)
