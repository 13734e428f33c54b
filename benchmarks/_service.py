"""A service and its workers as processes that can be killed, for the benchmarks of the service."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from sqlalchemy import select

from evolution.client import Client
from evolution.service.store.database import Database, sqlite_url
from evolution.service.store.models import Lease
from luts.errors import UserError

LEASE_S = 3.0
_READY_S = 30.0


class Process:
    """A command that is begun again after it was killed.

    Args:
        command: arguments after ``python -m``.
        log: file that its errors are added to.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        self._command, self._log = command, log
        self.start()

    def start(self) -> None:
        """Begins it."""
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        with self._log.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", *self._command], stdout=log, stderr=log, env=environment)

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
    """A server and toy workers on this machine.

    Args:
        folder: of everything that they write.
        workers: how many, each with a device of its own.
        lease_s: length of a lease.
    """

    def __init__(self, folder: Path, workers: int, lease_s: float = LEASE_S) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.data = f"http://127.0.0.1:{port}", folder / "data"
        self.server = Process([
            "evolution.serve", "--port", str(port), "--data", str(self.data), "--lease-seconds",
            str(lease_s), "--attempts", "100000", "--requests-per-second", "100000",
        ], folder / "server.log")
        self._folder, self._count = folder, workers
        self.workers: list[Process] = []

    def await_ready(self) -> None:
        """Waits for the server.

        Raises:
            UserError: it does not answer.
        """
        import httpx

        until_s = time.monotonic() + _READY_S
        while time.monotonic() < until_s:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/ready", timeout=2.0).is_success:
                    return
            time.sleep(0.1)
        raise UserError(f"the server did not answer within {_READY_S:g} s; see {self._folder}")

    @contextlib.contextmanager
    def running(self) -> Iterator[Client]:
        """Starts the workers; everything is stopped when the block ends."""
        try:
            self.await_ready()
            self.workers = [Process(
                ["benchmarks._toy_worker", self.url, str(self._folder / f"work-{number}"),
                 f"cuda:{number}"], self._folder / f"worker-{number}.log")
                for number in range(self._count)]
            with Client(self.url) as client:
                yield client
        finally:
            for process in [*self.workers, self.server]:
                process.stop()

    def overlaps(self) -> int:
        """How often two leases of one device, or of one job, overlapped, by the database."""
        database = Database(sqlite_url(self.data / "service.sqlite3"))
        spans = defaultdict(list)
        with database.read() as session:
            for lease in session.scalars(select(Lease)):
                ended_s = float("inf") if lease.ended_at_s is None else lease.ended_at_s
                for key in (("device", lease.device_id), ("job", lease.job_id)):
                    spans[key].append((lease.started_at_s, ended_s))
        database.close()
        return sum(before[1] > after[0] for held in spans.values()
                   for before, after in pairwise(sorted(held)))
