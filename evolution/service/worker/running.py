"""One command of a job, under guard: begun, watched, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from evolution.service.jobs.commands import Command
from evolution.service.paths import import_path

LOG, LOCK = "log.txt", ".guard.lock"
_KILLED_WITHIN_S = 15.0


class Running:
    """A command that runs in a job's folder; gone when the block ends.

    Its standard error is added to ``log.txt``, its standard output replaces the command's output
    file.

    Args:
        command: what runs.
        folder: the job's folder.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        self._command, self._folder = command, folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        lock = str(self._folder / LOCK)
        environment = {**os.environ, "PYTHONPATH": import_path(), "PYTHONUNBUFFERED": "1",
                       "METRONAS_TABLES": str(self._folder / "tables"), "COLUMNS": "200"}
        with ((self._folder / LOG).open("ab") as errors,
              (self._folder / self._command.output).open("wb") as output):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "evolution.service.worker.guard", lock, "--",
                 *self._command.arguments],
                stdin=subprocess.PIPE, stdout=output, stderr=errors, cwd=self._folder,
                env=environment, start_new_session=True)
        return self

    def wait(self, seconds: float) -> int | None:
        """The exit code; None while it runs on after so many seconds."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def __exit__(self, *_: object) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()  # tells the guard to kill what runs
        try:
            process.wait(_KILLED_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
