"""What a person sees while a search goes on: a live view, or plain lines in a log."""

from __future__ import annotations

import sys
import time

from evolution.scoring import Candidate
from evolution.status import Status


class View:
    """Tells nothing; the others derive from it."""

    def begin(self, total: int, budget_ms: float, objective: str) -> None:
        """A search starts.

        Args:
            total: architectures that will be scored.
            budget_ms: latency budget.
            objective: name of the minimised metric.
        """

    def working(self) -> None:
        """From now on architectures are scored, not taken from the journal."""

    def scored(self, candidate: Candidate, best: Candidate | None, share: float) -> None:
        """One architecture was scored.

        Args:
            candidate: that one.
            best: the fittest within the budget so far.
            share: feasible share of the space; nan when unknown.
        """

    def say(self, text: str) -> None:
        """Something worth a line happened."""

    def end(self) -> None:
        """Nothing is scored for now: hands the terminal back and draws no more."""


class PlainView(View):
    """One line now and then on standard error, for logs."""

    def __init__(self, every_seconds: float = 10.0) -> None:
        self._every = every_seconds
        self._status = Status()
        self._last = 0.0

    def begin(self, total: int, budget_ms: float, objective: str) -> None:
        """See `View.begin`."""
        self._status.begin(total, objective)

    def working(self) -> None:
        """See `View.working`."""
        self._status.working()

    def scored(self, candidate: Candidate, best: Candidate | None, share: float) -> None:
        """See `View.scored`."""
        status = self._status
        status.scored(candidate, best, share)
        now = time.monotonic()
        if now - self._last >= self._every or status.done == status.total:
            self._last = now
            self.say("  ".join(f"{name} {value}" for name, value in status.figures()))

    def say(self, text: str) -> None:
        """See `View.say`."""
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """See `View.end`."""
        self._status.rest()


class LiveView(View):
    """A bar with figures on a terminal, on standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._status = Status()
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]search"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("search", total=None, figures="")

    def begin(self, total: int, budget_ms: float, objective: str) -> None:
        """See `View.begin`."""
        self._status.begin(total, objective)
        self._bar.update(self._task, total=total)
        self._bar.start()

    def working(self) -> None:
        """See `View.working`."""
        self._status.working()

    def scored(self, candidate: Candidate, best: Candidate | None, share: float) -> None:
        """See `View.scored`."""
        self._status.scored(candidate, best, share)
        pairs = [f"{name} [cyan]{value}[/]" for name, value in self._status.figures()]
        half = (len(pairs) + 1) // 2  # two lines fit a terminal of 80 columns
        figures = "  ".join(pairs[:half]) + "\n" + "  ".join(pairs[half:])
        self._bar.start()
        self._bar.update(
            self._task,
            completed=self._status.done,
            total=max(self._status.total, self._status.done),
            figures=figures,
        )

    def say(self, text: str) -> None:
        """See `View.say`."""
        self._console.print(text, highlight=False, markup=False)

    def end(self) -> None:
        """See `View.end`."""
        self._bar.stop()
        self._status.rest()


def make_view() -> View:
    """A live view on a terminal, plain lines otherwise."""
    return LiveView() if sys.stderr.isatty() else PlainView()
