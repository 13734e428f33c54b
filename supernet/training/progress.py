"""Progress of training: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from supernet.training.rules import TOTAL

_LINE_EVERY_S = 30.0


class TrainingProgress:
    """Context manager whose `report` is called after every step.

    Args:
        label: what is trained.
        steps: how many there are.
        figure: the metric to show.
    """

    def __init__(self, label: str, steps: int, figure: str) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.label, self.steps, self.figure = label, steps, figure
        self._bar = Progress(
            TextColumn(label), BarColumn(), TextColumn("{task.completed}/{task.total}"),
            TextColumn(f"{figure} {{task.fields[shown]}}"), TimeRemainingColumn(),
            disable=not sys.stderr.isatty(), transient=True,
        )
        self._task = self._bar.add_task(label, total=steps, shown="-")
        self._began, self._first, self._printed = time.monotonic(), 0, 0.0

    def __enter__(self) -> Self:
        """Starts the bar."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops the bar."""
        self._bar.stop()

    def report(self, step: int, figures: dict[str, float]) -> None:
        """Shows a step."""
        self._first = self._first or step
        counted = "".join(f", {value:.0f} {name.removesuffix(TOTAL)}"
                          for name, value in figures.items() if name.endswith(TOTAL))
        shown = f"{figures[self.figure]:.2f}{counted}"
        self._bar.update(self._task, completed=step, shown=shown)
        now = time.monotonic()
        if self._bar.disable and now - self._printed > _LINE_EVERY_S:
            self._printed = now
            rate = (now - self._began) / (step - self._first + 1)
            left = rate * (self.steps - step) / 60
            print(
                f"{self.label} {step}/{self.steps} loss {figures['loss']:.3f} "
                f"{self.figure} {figures[self.figure]:.3f}{counted}, {left:.0f} min left",
                file=sys.stderr, flush=True,
            )
