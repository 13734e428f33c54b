"""What a person sees while a campaign runs: a bar with the remaining time, or plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from luts.records import TableInfo
from luts.table import LatencyTable
from profiler.settings import Progress

if TYPE_CHECKING:
    from rich.table import Table

_LINE_EVERY_S = 15.0
# Share of networks beside which others were busy throughout, above which that is told.
_TOLD = 0.1


@contextmanager
def progress() -> Iterator[Callable[[Progress], None]]:
    """Yields what shows the progress: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn(), TextColumn("canary {task.fields[canary]:+.1%}"))
    # A thread that redraws would run beside what is being timed.
    with Bar(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task("", total=None, canary=0.0)
        yield lambda now: bar.update(
            task, completed=now.done, total=now.total, canary=now.canary - 1, refresh=True
        )


def _plain() -> Callable[[Progress], None]:
    start = last = time.monotonic()
    first: int | None = None

    def show(now: Progress) -> None:
        nonlocal last, first
        # A resumed campaign begins in the middle; its speed counts from there.
        first = now.done - 1 if first is None else first
        elapsed = time.monotonic() - start
        if time.monotonic() - last < _LINE_EVERY_S and now.done < now.total:
            return
        last = time.monotonic()
        left_s = elapsed / (now.done - first) * (now.total - now.done)
        print(f"measured {now.done} of {now.total} timings, {left_s:.0f} s left, "
              f"canary {now.canary - 1:+.1%}", file=sys.stderr, flush=True)

    return show


def add_ending(shown: Table, info: TableInfo, folder: str, seconds: float) -> None:
    """Adds what every campaign's summary ends with: the device, the time, the folder."""
    shown.add_row("device", f"{info.device.get('model')}, {info.threads} thread(s), "
                  f"{info.runtime} {info.runtime_version}, {info.precision}")
    shown.add_row("time", f"{seconds:.0f} s")
    shown.add_row("saved to", folder)


def show_table(table: LatencyTable, folder: str, seconds: float) -> None:
    """Prints what a finished campaign found.

    Args:
        table: what was measured.
        folder: where it lies.
        seconds: time that this sitting took.
    """
    from rich.console import Console
    from rich.table import Table

    info, drift = table.info, table.info.drift
    discarded = sum(sample.discarded for sample in table.networks)
    taken = discarded + sum(sample.samples for sample in table.networks)
    shown = Table(title=f"latency table of {info.recipe} on {info.target}", show_header=False)
    shown.add_row("operators", f"{info.rows} rows")
    shown.add_row("networks", f"{info.networks}, timed end to end and node by node")
    for said, count in info.failures.items():
        shown.add_row("failed", f"{count} network(s): {said}")
    shown.add_row("samples", f"{taken}, of which {discarded} disturbed and thrown away")
    shown.add_row("noise", f"{info.noise:.2%} between two timings of one network")
    shown.add_row("drift", f"{drift.verdict}: canary moved {drift.movement:.1%}, net "
                  f"{drift.change:+.1%}, scatter {drift.spread:.1%}, {drift.canaries} timings")
    if drift.disturbed:
        shown.add_row("company", f"other processes were busy beside {drift.disturbed:.0%} of the "
                      "networks throughout")
    add_ending(shown, info, folder, seconds)
    Console().print(shown)
    if drift.usable and drift.disturbed > _TOLD:
        print(f"warning: other processes were busy beside {drift.disturbed:.0%} of the networks: "
              "the table tells what this machine gives while it is shared. Measure again with "
              "--force when it is quiet", file=sys.stderr)
    if not drift.usable:
        print(f"warning: {drift.problem} during this campaign; no predictor is fitted to it. "
              "Measure again with --force when the machine is quiet", file=sys.stderr)
