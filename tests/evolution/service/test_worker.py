"""Workers over a real socket: jobs run, resume, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import select

from benchmarks._toy_worker import make_worker
from evolution.client import Client
from evolution.service.accounts import Role, add_token
from evolution.service.core import Service
from evolution.service.queue import Limits
from evolution.service.store.models import Lease
from evolution.service.worker.loop import Worker
from luts.errors import UserError
from tests.evolution.service.sites import ROLES, listening, settings


class Place:
    """A service that listens, and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shift_s = folder, 0.0
        self.service = self.open()
        with self.service.database.write() as session:
            self.tokens = {role: add_token(session, role.value, role, 0.0) for role in ROLES}

    def open(self) -> Service:
        limits = Limits(lease_s=3.0, affinity_s=0.0)
        return Service.open(settings(self.folder / "data", limits=limits),
                            lambda: time.time() + self.shift_s)

    @contextlib.contextmanager
    def listen(self, port: int = 0) -> Iterator[Client]:
        with listening(self.service, port) as self.url, Client(
                self.url, self.tokens[Role.admin]) as client:
            yield client

    @contextlib.contextmanager
    def worker(self, name: str = "work", transport: httpx.BaseTransport | None = None
               ) -> Iterator[Worker]:
        worker = make_worker(self.url, self.tokens[Role.worker], self.folder / name,
                             transport=transport)
        failed: list[BaseException] = []

        def run() -> None:
            try:
                worker.run()
            except BaseException as error:  # noqa: BLE001 (shown by the test itself)
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield worker
        finally:
            worker.stopping.set()
            thread.join(30)
            assert not thread.is_alive()
            assert failed == []


class Swallowing(httpx.HTTPTransport):
    """A network in which, once cut, requests neither arrive nor fail until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.mended = threading.Event(), threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut.is_set():
            assert self.mended.wait(60)
            raise httpx.ConnectError("cut", request=request)
        return super().handle_request(request)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def wait_for(what: Callable[[], object], seconds: float = 20.0) -> None:
    until_s = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until_s, "it did not happen"
        time.sleep(0.02)


def pids(work: Path, job: int, count: int) -> list[int]:
    path = work / f"job-{job}" / "pids.txt"
    wait_for(lambda: path.exists() and len(path.read_text().split()) >= count)
    return [int(pid) for pid in path.read_text().split()]


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def outcomes(place: Place, job: int) -> list[str | None]:
    with place.service.database.read() as session:
        return list(session.scalars(select(Lease.outcome).where(Lease.job_id == job)
                                    .order_by(Lease.id)))


def test_a_job_runs_and_hands_its_files_over(place: Place, tmp_path: Path) -> None:
    with place.listen() as client, place.worker():
        job = client.submit("train", steps=3, seed=0)
        lines = [event["data"]["line"] for event in client.follow(job["id"])
                 if event["event"] == "log"]
        assert lines == [f"step {number} of 3" for number in (1, 2, 3)]
        ended = client.job(job["id"])
        assert (ended["state"], ended["attempts"]) == ("done", 1)
        assert (ended["progress_done"], ended["progress_total"]) == (3, 3)
        found = client.download(job["id"], tmp_path / "got")
        assert {path.relative_to(tmp_path / "got").as_posix() for path in found} == {
            "log.txt", "output.txt", "training/journal.txt", "training/result.txt"}
        assert (tmp_path / "got/training/result.txt").read_text() == "sum 3\n"
        assert client.list("trainings")[0]["key"] == f"job-{job['id']}"
        wait_for(lambda: list((tmp_path / "work").glob("job-*")) == [])


def test_a_failing_command_says_why(place: Place) -> None:
    with place.listen() as client, place.worker():
        ended = client.wait(client.submit("train", steps=1, seed=1)["id"])
        assert (ended["state"], ended["message"]) == ("failed", "no luck today")
        assert [file["path"] for file in client.list(f"jobs/{ended['id']}/artifacts")] == [
            "log.txt", "output.txt"]


def test_a_cancelled_job_is_killed_with_all_that_it_started(place: Place, tmp_path: Path) -> None:
    with place.listen() as client, place.worker():
        job = client.submit("train", steps=2000, seed=2)["id"]
        running = pids(tmp_path / "work", job, 2)
        client.cancel(job)
        assert client.wait(job)["state"] == "cancelled"
        wait_for(lambda: all(map(is_gone, running)))


def test_a_lost_lease_ends_the_work_and_the_job_goes_on_elsewhere(
    place: Place, tmp_path: Path
) -> None:
    with place.listen() as client, place.worker():
        job = client.submit("train", steps=60, seed=2)["id"]
        running = pids(tmp_path / "work", job, 2)
        place.shift_s += 100.0
        assert list(place.service.queue.expire()) == [job]
        wait_for(lambda: all(map(is_gone, running)))
        ended = client.wait(job)
        assert (ended["state"], ended["attempts"]) == ("done", 2)
        assert outcomes(place, job) == ["expired", "done"]


def test_a_network_that_swallows_everything_ends_the_work_with_the_lease(
    place: Place, tmp_path: Path
) -> None:
    link = Swallowing()
    with place.listen() as client, place.worker(transport=link):
        job = client.submit("train", steps=2000, seed=2)["id"]
        running = pids(tmp_path / "work", job, 2)
        link.cut.set()
        try:
            # Its heartbeat is stuck all the while.
            wait_for(lambda: all(map(is_gone, running)))
        finally:
            link.cut.clear()
            link.mended.set()


def test_a_worker_that_stops_gives_its_job_back(place: Place, tmp_path: Path) -> None:
    with place.listen() as client:
        with place.worker():
            job = client.submit("train", steps=60, seed=2)["id"]
            running = pids(tmp_path / "work", job, 2)
        assert all(map(is_gone, running))
        assert client.job(job)["state"] == "queued"
        with place.worker():
            assert client.wait(job)["state"] == "done"
        assert outcomes(place, job) == ["released", "done"]


def test_a_server_that_restarts_within_a_lease_disturbs_nothing(place: Place) -> None:
    with contextlib.ExitStack() as worker_life:
        with place.listen() as client:
            port = int(place.url.rsplit(":", 1)[1])
            job = client.submit("train", steps=30, seed=0)["id"]
            worker_life.enter_context(place.worker())
            wait_for(lambda: client.job(job)["progress_done"])
        time.sleep(0.5)
        place.service = place.open()
        with place.listen(port) as client:
            assert client.wait(job)["state"] == "done"
            assert outcomes(place, job) == ["done"]
            worker_life.close()


def test_a_killed_worker_leaves_nothing_running_and_its_successor_resumes(
    place: Place, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    with place.listen() as client:
        job = client.submit("train", steps=60, seed=2)["id"]
        environment = {**os.environ, "METRONAS_TOKEN": place.tokens[Role.worker],
                       "PYTHONPATH": str(Path(__file__).parents[3])}
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._toy_worker", place.url, str(work)],
            env=environment, stderr=subprocess.DEVNULL)
        running = pids(work, job, 2)
        wait_for(lambda: client.job(job)["progress_done"])
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(lambda: all(map(is_gone, running)))
        with place.worker():
            ended = client.wait(job)
        assert (ended["state"], ended["attempts"]) == ("done", 2)
        client.download(job, tmp_path / "got")
        steps = (tmp_path / "got/training/journal.txt").read_text().split()
        assert steps == [str(step) for step in range(60)]


def test_one_folder_has_one_worker(place: Place) -> None:
    with place.listen(), place.worker(), pytest.raises(UserError, match="in use by another"):
        make_worker(place.url, None, place.folder / "work")


def test_a_refused_worker_stops_and_says_so(place: Place, tmp_path: Path) -> None:
    with place.listen():
        worker = make_worker(place.url, place.tokens[Role.viewer], tmp_path / "other")
        with pytest.raises(UserError, match=r"refused .*403.*role 'worker'"):
            worker.run()
