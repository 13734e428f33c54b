"""One worker on a machine of a Ray cluster: what runs there, in a process of Ray."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from evolution.service.paths import import_path
from luts.files import writable_folder

LOG, _LOCK = "worker.log", ".crew.lock"
_TAIL_BYTES = 4096


class Hand:
    """A worker of the service, for one device of the machine where Ray put it.

    It runs under guard: when Ray's process ends, however that happens, so does the worker with
    all that it started.

    Args:
        options: of `evolution.worker`, but for device and folder.
        work: folder of all workers on each machine; ``~`` is that machine's.
        variables: of the worker's environment, such as its token.
        device: ``cpu`` or ``cuda``; Ray says which one.
    """

    def __init__(self, options: Mapping[str, str], work: str, variables: Mapping[str, str],
                 device: str) -> None:
        self._device = device if device == "cpu" else f"cuda:{_own_gpu()}"
        folder = writable_folder(Path(work).expanduser() / self._device.replace(":", "-"))
        given = {"device": self._device, "work": str(folder), **options}
        # The worker is told its device by number, so it must see all of them.
        environment = {name: value for name, value in os.environ.items()
                       if name != "CUDA_VISIBLE_DEVICES"}
        self._log = folder / LOG
        with self._log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "evolution.service.worker.guard", str(folder / _LOCK), "--",
                 sys.executable, "-m", "evolution.worker",
                 *(f"--{name}={value}" for name, value in given.items())],
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
                env={**environment, **variables, "PYTHONPATH": import_path(),
                     "PYTHONUNBUFFERED": "1"})

    def device(self) -> str:
        """Which device of the machine it serves."""
        return self._device

    def run(self) -> tuple[int, str]:
        """Waits until the worker ends; its exit code and the last line that it said."""
        code = self._guard.wait()
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
        return code, lines[-1] if lines else "it said nothing"

    def stop(self) -> None:
        """Asks the worker to give its job back and to end."""
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self._guard.pid).children():
                process.terminate()


def _own_gpu() -> str:
    import ray

    (number,) = ray.get_gpu_ids()
    return str(number)
