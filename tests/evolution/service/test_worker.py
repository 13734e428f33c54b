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

from benchmarks import _toy_worker
from benchmarks._toy_worker import make_worker
from evolution.client import Client
from evolution.service.accounts import Role, add_token, find_user
from evolution.service.core import Service
from evolution.service.jobs.commands import Command
from evolution.service.protocol import HandedFile
from evolution.service.queue import Limits
from evolution.service.queue.expiry import expire
from evolution.service.queue.records import Submission
from evolution.service.store.models import Lease, Resource
from evolution.service.worker import loop
from evolution.service.worker.link import Link, LostError, RefusedError
from evolution.service.worker.loop import Worker
from luts.errors import UserError
from tests.evolution.service.sites import ROLES, listening, settings


class Place:
    """A service that listens, and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shift_s, self.lease_s = folder, 0.0, 30.0
        self.service = self.open()
        with self.service.database.write() as session:
            self.tokens = {role: add_token(session, role.value, role, 0.0) for role in ROLES}

    def open(self) -> Service:
        limits = Limits(lease_s=self.lease_s, affinity_s=0.0)
        return Service.open(settings(self.folder / "data", limits=limits),
                            lambda: time.time() + self.shift_s)

    @contextlib.contextmanager
    def listen(self, port: int = 0) -> Iterator[Client]:
        with listening(self.service, port) as self.url, Client(
                self.url, self.tokens[Role.admin]) as client:
            yield client

    @contextlib.contextmanager
    def worker(self, name: str = "work", transport: httpx.BaseTransport | None = None,
               equipped: Callable[[], bool] = lambda: True,
               health: Callable[[], list[dict[str, str]]] = list) -> Iterator[Worker]:
        worker = make_worker(self.url, self.tokens[Role.worker], self.folder / name,
                             transport=transport, equipped=equipped, health=health)
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


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
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


def test_a_job_that_fails_while_its_cluster_is_away_is_given_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_AWAY_S", 0.05)
    said = [True, False, False]  # before the job, behind it, before another one
    with place.listen() as client:
        # Queued before the worker first asks, which would ask again where it found nothing.
        job = client.submit("train", steps=1, seed=1)["id"]
        with place.worker(equipped=lambda: said.pop(0) if said else True):
            ended = client.wait(job)
            assert (ended["state"], ended["message"]) == ("failed", "no luck today")
            assert outcomes(place, job) == ["released", "failed"]
    assert said == []


def test_a_worker_without_its_cluster_asks_for_no_job(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_AWAY_S", 0.05)
    away, asked = threading.Event(), threading.Semaphore(0)
    away.set()

    def equipped() -> bool:
        asked.release()
        return not away.is_set()

    with place.listen() as client, place.worker(equipped=equipped):
        job = client.submit("train", steps=1, seed=0)["id"]
        for _ in range(5):
            assert asked.acquire(timeout=60)
        assert client.job(job)["state"] == "queued"
        away.clear()
        assert client.wait(job)["state"] == "done"
        assert outcomes(place, job) == ["done"]


def test_an_idle_worker_tells_its_devices_health_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_HEALTH_S", 0.2)
    finding = {"check": "load", "state": "bad", "found": "too much"}
    well = threading.Event()

    def found() -> object:
        (device,) = client.list("devices") or [{"info": {}}]
        return device["info"].get("findings")

    with place.listen() as client, place.worker(health=lambda: [] if well.is_set() else [finding]):
        wait_for(lambda: found() == [finding])
        well.set()
        wait_for(lambda: found() == [])
        assert client.wait(client.submit("train", steps=1, seed=0)["id"])["state"] == "done"


def test_files_that_cannot_be_told_fail_the_job_and_not_the_worker(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [HandedFile(path=f"training/{n}", sha256="0" * 64, size_bytes=1) for n in range(6000)]
    monkeypatch.setattr(loop, "collect", lambda *_: many)
    with place.listen() as client, place.worker():
        for _ in range(2):
            ended = client.wait(client.submit("train", steps=1, seed=0)["id"])
            assert (ended["state"], "cannot be handed over" in ended["message"]) == ("failed", True)


@pytest.mark.parametrize(("script", "state"), [
    ("print('{\"verdict\": \"FAIL\"}'); raise SystemExit(1)", "done"),
    ("print('{\"verdict'); raise RuntimeError('no such thing')", "failed")])
def test_a_crash_is_not_taken_for_an_answer_of_the_same_code(
    place: Place, monkeypatch: pytest.MonkeyPatch, script: str, state: str
) -> None:
    command = Command((sys.executable, "-c", script), output="summary.json", good=(0, 1))
    monkeypatch.setattr(_toy_worker, "build", lambda *_: command)
    monkeypatch.setattr(loop, "resources", lambda *_: [])
    with place.listen() as client, place.worker():
        ended = client.wait(client.submit("train", steps=1, seed=0)["id"])
        assert ended["state"] == state
        assert ended["summary"] == ({"verdict": "FAIL"} if state == "done" else None)
        assert ("no such thing" in ended["message"]) == (state == "failed")


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
        job = client.submit("train", steps=120, seed=2)["id"]
        running = pids(tmp_path / "work", job, 2)
        # At one stroke: a heartbeat, or the server's own look, could come between two.
        with place.service.database.write() as session:
            assert list(expire(session, time.time() + 100.0, place.service.queue.limits)) == [job]
        wait_for(lambda: all(map(is_gone, running)))
        ended = client.wait(job)
        assert (ended["state"], ended["attempts"]) == ("done", 2)
        assert outcomes(place, job) == ["expired", "done"]


def test_a_network_that_swallows_everything_ends_the_work_with_the_lease(
    place: Place, tmp_path: Path
) -> None:
    link = Swallowing()
    place.lease_s = 3.0
    place.service.close()
    place.service = place.open()
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
            job = client.submit("train", steps=120, seed=2)["id"]
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
        job = client.submit("train", steps=120, seed=2)["id"]
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
        assert steps == [str(step) for step in range(120)]


def test_folders_of_jobs_that_ended_elsewhere_go_in_time(place: Place, tmp_path: Path) -> None:
    with place.listen() as client, place.worker() as _:
        old, long = (tmp_path / "work" / f"job-{number}" for number in (77, 78))
        for folder in (old, long):
            (folder / "run").mkdir(parents=True)
            (folder / "log.txt").write_text("step 1\n")
        for path in (old / "run", old / "log.txt", old, long / "run", long):
            os.utime(path, (0, 0))
        client.wait(client.submit("train", steps=1, seed=0)["id"])
        wait_for(lambda: not old.exists())
        # A job of weeks, whose log grows while its folder's own time stands still.
        assert long.exists()


def test_a_job_whose_input_is_lost_fails_and_says_which(place: Place) -> None:
    with place.listen() as client, place.worker():
        with place.service.database.write() as session:
            user = find_user(session, "submitter", 0.0).id
            kept = Resource(kind="training", target="", key="t", info={}, origin="upload",
                            files=[{"path": "weights.bin", "sha256": "a" * 64, "size_bytes": 1}],
                            user_id=user, job_id=None, created_at_s=0.0)
            session.add(kept)
        inputs = [{"resource": kept.id, "kind": "training", "place": "weights"}]
        job, _ = place.service.queue.submit(
            user, Submission("train", {"steps": 1, "seed": 0}, inputs))
        ended = client.wait(job.id)
        assert (ended["state"], ended["attempts"]) == ("failed", 1)
        assert "has lost 'weights.bin', which the job starts from" in ended["message"]


def test_a_lease_that_is_lost_while_a_refusal_is_told_does_not_end_the_worker(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, finish = Link.send, Link.finish
    said: list[Exception] = [LostError(), RefusedError("too large")]

    def once(real: Callable[..., None], kind: type[Exception]) -> Callable[..., None]:
        def asked(*arguments: object) -> None:
            if said and isinstance(said[-1], kind):
                raise said.pop()
            real(*arguments)

        return asked

    monkeypatch.setattr(Link, "send", once(send, RefusedError))
    monkeypatch.setattr(Link, "finish", once(finish, LostError))
    with place.listen() as client, place.worker():
        client.submit("train", steps=1, seed=0)
        wait_for(lambda: not said)
        second = client.submit("train", steps=1, seed=0)["id"]
        place.shift_s += 100.0
        place.service.queue.expire()
        assert client.wait(second)["state"] == "done"


def test_one_folder_has_one_worker(place: Place) -> None:
    with place.listen(), place.worker(), pytest.raises(UserError, match="in use by another"):
        make_worker(place.url, None, place.folder / "work")


def test_a_refused_worker_stops_and_says_so(place: Place, tmp_path: Path) -> None:
    with place.listen():
        worker = make_worker(place.url, place.tokens[Role.viewer], tmp_path / "other")
        with pytest.raises(UserError, match=r"refused .*403.*role 'worker'"):
            worker.run()
