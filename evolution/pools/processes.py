"""Scores in several processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import cast

from evolution.pools.base import Job, Maker
from evolution.pools.team import Answer, Desk, Team, Worker, WorkerDiedError

_JOIN_SECONDS = 10.0


class _Process(Worker):
    def __init__(self, make: Maker) -> None:
        # A fork would copy torch's threads half-way through whatever they do.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, make), name="metronas-scorer", daemon=True
        )
        # Ctrl-C reaches every process of a terminal; workers inherit that it is blocked, and
        # end with the one that handles it. Starting the tracker would unblock it again.
        resource_tracker.ensure_running()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        # With this end closed here, the worker's death ends the pipe.
        theirs.close()

    @property
    def pipe(self) -> Connection:
        return self._pipe

    def give(self, job: Job) -> None:
        with contextlib.suppress(OSError):  # it died; `take` tells how
            self._pipe.send(job)

    def take(self) -> Answer:
        try:
            return cast(Answer, self._pipe.recv())
        except (EOFError, OSError):
            self._process.join(_JOIN_SECONDS)
            code = self._process.exitcode
            how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
            raise WorkerDiedError(f"ended {how}") from None

    def dismiss(self) -> None:
        self._process.kill()
        self._process.join(_JOIN_SECONDS)
        self._pipe.close()


class Processes(Team):
    """See `Team`; each worker is a process with an accuracy source of its own."""

    @property
    def workers(self) -> int:
        """See `Pool.workers`."""
        return self.options.workers or 1

    def _hire(self) -> Worker:
        return _Process(self.make)

    def _answered(self, busy: Sequence[Worker]) -> list[Worker]:
        by_pipe = {cast(_Process, worker).pipe: worker for worker in busy}
        return [by_pipe[cast(Connection, pipe)] for pipe in wait(list(by_pipe))]


def _work(pipe: Connection, make: Maker) -> None:
    """A worker's life: answers jobs until the process that searches has gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    desk = Desk(make)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(desk.answer(job))


def _end_with_parent() -> None:
    """Ends this process when its parent ends, even while it scores and however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
