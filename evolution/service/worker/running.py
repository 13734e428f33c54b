"""One command of a job, under guard: begun, watched, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from evolution.service.jobs.commands import Command
from evolution.service.paths import import_path

LOG, LOCK = "log.txt", ".guard.lock"
_KILLED_WITHIN_S = 15.0


def environment(folder: Path, device: str, given: Mapping[str, str]) -> dict[str, str]:
    """Variables of a job's command.

    It sees the worker's device alone, which is ``cuda:0`` to it whatever its number: devices of
    other workers are theirs. It does not get the worker's token, for which it has no use.

    Args:
        folder: the job's folder.
        device: the worker's, such as ``cpu`` or ``cuda:1``.
        given: variables of the worker.
    """
    kept = {name: value for name, value in given.items() if name != "METRONAS_TOKEN"}
    return {**kept, "CUDA_VISIBLE_DEVICES": _visible(device, given.get("CUDA_VISIBLE_DEVICES")),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "PYTHONPATH": import_path(), "PYTHONUNBUFFERED": "1",
            # What others made lies in the folder, and must never be imported.
            "PYTHONSAFEPATH": "1",
            "METRONAS_TABLES": str(folder / "tables"), "COLUMNS": "200"}


def _visible(device: str, listed: str | None) -> str:
    """What `CUDA_VISIBLE_DEVICES` shows a command, where it shows its worker ``listed``."""
    if device == "cpu":
        return ""
    number = device.partition(":")[2]
    if listed is None:
        return number
    chosen = [item.strip() for item in listed.split(",") if item.strip()]
    # None rather than another one.
    return chosen[int(number)] if int(number) < len(chosen) else "-1"


class Running:
    """A command that runs in a job's folder; gone when the block ends.

    Its standard error is added to ``log.txt``, its standard output replaces the command's output
    file.

    Args:
        command: what runs.
        folder: the job's folder.
        device: the worker's device, the only one that it sees.
    """

    def __init__(self, command: Command, folder: Path, device: str) -> None:
        self._command, self._folder, self._device = command, folder, device
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        lock = str(self._folder / LOCK)
        with ((self._folder / LOG).open("ab") as errors,
              (self._folder / self._command.output).open("wb") as output):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "evolution.service.worker.guard", lock, "--",
                 *self._command.arguments],
                stdin=subprocess.PIPE, stdout=output, stderr=errors, cwd=self._folder,
                env=environment(self._folder, self._device, os.environ),
                start_new_session=True)
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
