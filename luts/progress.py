"""Progress of long work: a bar on terminals, lines now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LINE_EVERY_S = 15.0


@contextmanager
def counted(what: str, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """Yields what counts one more done.

    Args:
        what: what is being done, such as ``measuring``.
        total: how often.
        done: how often it was done earlier.
    """
    if not sys.stderr.isatty():
        yield _lines(what, total, done)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # A thread that redraws would run beside what is being timed.
    with Progress(*columns, TimeRemainingColumn(), console=console, auto_refresh=False) as bar:
        task = bar.add_task(what, total=total, completed=done)
        yield lambda: bar.update(task, advance=1, refresh=True)


def _lines(what: str, total: int, done: int) -> Callable[[], None]:
    start = last = time.monotonic()
    earlier = done

    def advance() -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if now - last < _LINE_EVERY_S and done < total:
            return
        last = now
        left_s = (now - start) / (done - earlier) * (total - done)
        print(f"{what}: {done} of {total}, {left_s:.0f} s left", file=sys.stderr, flush=True)

    return advance
