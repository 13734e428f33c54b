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
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from sqlalchemy import select

from evolution.client import Client
from evolution.service.core import DATABASE
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
        """Waits for the server; see `await_server`."""
        await_server(self.url, self._folder)

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


def overlaps(data: Path) -> int:
    """How often two leases of one device, or of one job, overlapped, by a service's database."""
    database = Database(sqlite_url(data / DATABASE))
    spans = defaultdict(list)
    with database.read() as session:
        for lease in session.scalars(select(Lease)):
            ended_s = float("inf") if lease.ended_at_s is None else lease.ended_at_s
            for key in (("device", lease.device_id), ("job", lease.job_id)):
                spans[key].append((lease.started_at_s, ended_s))
    database.close()
    return sum(before[1] > after[0] for held in spans.values()
               for before, after in pairwise(sorted(held)))


def has_ended(client: Client, number: int) -> bool:
    """Whether a job is over."""
    return client.job(number)["state"] in ("done", "failed", "cancelled")


def what_is_wrong(client: Client, number: int, steps: int, folder: Path) -> str:
    """What is wrong with a job; empty where nothing is."""
    job = client.job(number)
    if job["state"] != "done":
        return f"job {number} is {job['state']}: {job['message']}"
    ends = [event for event in client.follow(number)
            if event["event"] == "state" and event["data"]["state"] == "done"]
    if len(ends) != 1:
        return f"job {number} ended {len(ends)} times"
    client.download(number, folder / f"got-{number}")
    training = folder / f"got-{number}" / "training"
    if (training / "result.txt").read_text() != f"sum {sum(range(steps))}\n":
        return f"job {number} has another result"
    if (training / "journal.txt").read_text().split() != [str(step) for step in range(steps)]:
        return f"job {number} left out or repeated a step"
    return ""


def still_running(folder: str) -> int:
    """Processes that still run in a folder."""
    import psutil

    return sum(any(folder in part for part in (*(process.info["cmdline"] or ()),
                                               process.info["cwd"] or ""))
               for process in psutil.process_iter(["cmdline", "cwd"]))
