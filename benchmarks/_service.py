"""A service and its workers as processes that can be killed, for the benchmarks of the service."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evolution.client import Client
from luts.errors import UserError

LEASE_S = 3.0
TOY_LOG = "toys.log"
_READY_S = 90.0


class Process:
    """A command that is begun again after it was killed.

    Args:
        command: arguments after ``python -m``.
        log: file that its errors are added to.
        before: what stands before ``python``, such as ``nsenter`` and its options.
        variables: further ones of its environment.
    """

    def __init__(self, command: list[str], log: Path, before: Sequence[str] = (),
                 variables: Mapping[str, str] | None = None) -> None:
        self._command, self._log, self._before = command, log, before
        self._variables = variables or {}
        self.start()

    def start(self) -> None:
        """Begins it."""
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]),
                       **self._variables}
        with self._log.open("ab") as log:
            self.popen = subprocess.Popen(
                [*self._before, sys.executable, "-m", *self._command], stdout=log, stderr=log,
                env=environment)

    def kill(self) -> None:
        """``kill -9``."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> None:
        """Asks it to end, and kills it where it does not."""
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


class Site:
    """A server and workers on this machine.

    Args:
        folder: of everything that they write.
        workers: how many.
        devices: how many they serve; beyond that number, workers contend for them.
        lease_s: length of a lease.
        toys: whether workers carry out toy jobs; else they are those of `evolution.worker`, and
            each device is the processor of another machine by name.
    """

    def __init__(self, folder: Path, workers: int, devices: int, lease_s: float = LEASE_S, *,
                 toys: bool = True) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.data = f"http://127.0.0.1:{port}", folder / "data"
        self.server = Process([
            "evolution.serve", "--port", str(port), "--data", str(self.data), "--lease-seconds",
            str(lease_s), "--attempts", "100000", "--requests-per-second", "100000",
        ], folder / "server.log")
        self._folder, self._count, self._devices, self._toys = folder, workers, devices, toys
        self.workers: list[Process] = []

    def await_ready(self) -> None:
        """Waits for the server; see `await_server`."""
        await_server(self.url, self._folder)

    @contextlib.contextmanager
    def running(self) -> Iterator[Client]:
        """Starts the workers; everything is stopped when the block ends."""
        try:
            self.await_ready()
            self.workers = [self._worker(number) for number in range(self._count)]
            with Client(self.url) as client:
                yield client
        finally:
            for process in [*self.workers, self.server]:
                process.stop()


    def _worker(self, number: int) -> Process:
        work, device = str(self._folder / f"work-{number}"), number % self._devices
        command = ["benchmarks._toy_worker", self.url, work, f"cuda:{device}"] if self._toys else [
            "evolution.worker", "--device", "cpu", "--server", self.url, "--work", work,
            "--machine", f"box-{device}"]
        return Process(command, self._folder / f"worker-{number}.log", variables={
            "METRONAS_TOY_LOG": str(self._folder / TOY_LOG), "OMP_NUM_THREADS": "1"})


def await_server(url: str, folder: Path) -> None:
    """Waits for a server.

    Raises:
        UserError: it does not answer; its log lies in the folder.
    """
    import httpx

    until_s = time.monotonic() + _READY_S
    while time.monotonic() < until_s:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/ready", timeout=2.0).is_success:
                return
        time.sleep(0.1)
    raise UserError(f"the server did not answer within {_READY_S:g} s; see {folder}")


def await_ended(client: Client, numbers: Sequence[int], seconds: float) -> list[int]:
    """Waits for the end of jobs; gives those that had none in time."""
    left, until_s = list(numbers), time.monotonic() + seconds
    while left and time.monotonic() < until_s:
        left = [number for number in left if not has_ended(client, number)]
        time.sleep(0.5)
    return left


def has_ended(client: Client, number: int) -> bool:
    """Whether a job is over."""
    return client.job(number)["state"] in ("done", "failed", "cancelled")
