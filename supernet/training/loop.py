"""The training loop: batches, logs, checkpoints, resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from luts.files import Journal
from supernet.data.batch import Batch
from supernet.processes import is_first, wait_for_all
from supernet.training.optimisation import Optimisation
from supernet.training.rules import TOTAL, StepRule
from supernet.training.run import JOURNAL, TrainingRun, claim, forget_after, is_finished

__all__ = ["TrainingRun", "is_finished", "train"]


def train(
    run: TrainingRun, rule: StepRule, batches: Callable[[int], Iterator[Batch]], *,
    resume: bool, report: Callable[[int, dict[str, float]], None],
    validate: Callable[[], dict[str, float]],
) -> dict[str, float]:
    """Trains to the last step; returns the last record of the journal.

    Under `torchrun` every process calls it; the first one alone writes, reports and validates.

    Args:
        run: identity and folder.
        rule: computes gradients; its network must be freshly initialised from the run's seed.
        batches: gives the batches from a step on (this process's part of them).
        resume: go on from the folder's checkpoint.
        report: called with the step and its figures.
        validate: called at every checkpoint for figures on held-out data.

    Raises:
        UserError: the folder holds another run, or training was not asked to resume it.
        DivergedError: the loss is not finite; names the last good checkpoint.
    """
    if is_first():
        claim(run, resume=resume)
    wait_for_all()
    optimisation = Optimisation(run, rule)
    first = optimisation.load()
    log = _Log(run, first) if is_first() else None
    record: dict[str, float] = {}
    try:
        rule.train_mode()
        began = time.perf_counter()
        for step, batch in enumerate(batches(first), first):
            waited = time.perf_counter() - began
            figures = optimisation.step(batch, step)
            done = step + 1
            save = done == run.settings.steps or done % run.save_every == 0
            if log is not None:
                log.add(figures, waited)
                report(done, figures)
                if save or done % run.log_every == 0:
                    means = log.means()
                    if save:
                        with optimisation.averaged():
                            found = validate()
                        rule.train_mode()
                        means |= {f"validation_{key}": value for key, value in found.items()}
                    log.write(done, means)
                if save:
                    optimisation.save(done)
            began = time.perf_counter()
        if log is not None:
            record = log.last
    finally:
        if log is not None:
            log.close()
    wait_for_all()  # the next stage reads what the first process wrote
    return {key: float(value) for key, value in record.items()}


def _summary(name: str, values: list[float]) -> float:
    """The mean, or the last of what is counted from the start on."""
    return float(values[-1] if name.endswith(TOTAL) else np.mean(values))


class _Log:
    """Means of the steps since the last record, to the journal and to TensorBoard.

    Every record has ``seconds_per_step``, ``cpu_seconds_per_step`` (of this process: they say less
    of neighbours), ``pairs_per_second`` (or whatever the task trains on) and ``waiting``, the share
    of the time that the step waited for its batch. Figures whose name ends with ``_total`` are
    counted from the start on.
    """

    def __init__(self, run: TrainingRun, first: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._journal = Journal(run.folder / JOURNAL)
        forget_after(self._journal, first)
        self._board = SummaryWriter(str(run.folder / "tensorboard"), purge_step=first)
        self._batch = run.settings.batch
        self._rate = f"{run.settings.examples}_per_second"
        self._start()

    def _start(self) -> None:
        self._window: list[dict[str, float]] = []
        self._waited = 0.0
        self._began, self._worked = time.perf_counter(), time.process_time()

    def add(self, figures: dict[str, float], waited: float) -> None:
        """Takes one step."""
        self._window.append(figures)
        self._waited += waited

    def means(self) -> dict[str, float]:
        """Means since the last record."""
        names = dict.fromkeys(name for figures in self._window for name in figures)
        means = {
            name: _summary(name, [f[name] for f in self._window if name in f]) for name in names
        }
        elapsed = time.perf_counter() - self._began
        worked = time.process_time() - self._worked
        seconds, count = elapsed / len(self._window), len(self._window)
        return {
            **means, "seconds_per_step": seconds, "cpu_seconds_per_step": worked / count,
            self._rate: self._batch / seconds,
            "waiting": self._waited / elapsed,
        }

    def write(self, step: int, means: dict[str, float]) -> None:
        """Writes one record."""
        self._journal.append({"step": step, **means})
        for key, value in means.items():
            self._board.add_scalar(key, value, step)
        self._start()

    @property
    def last(self) -> dict[str, float]:
        """The last record."""
        return self._journal.records[-1] if self._journal.records else {}

    def close(self) -> None:
        """Closes the files."""
        self._board.close()
        self._journal.close()
