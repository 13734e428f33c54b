"""The benchmarks of the service: what they count, and that they can be had in pieces."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from benchmarks import _links, service_fuzz, service_load
from benchmarks._load_client import Taken, Watched
from benchmarks._service_verdict import doubles, not_once, overlaps
from evolution.client import Client
from evolution.service.core import DATABASE
from evolution.service.queue import Limits, Queue
from evolution.service.queue.records import Claim, Handover, Made, Submission
from evolution.service.store.database import Database, sqlite_url
from evolution.service.store.models import Event, Lease, User
from luts.errors import UserError


class Fuzzed:
    """Answers as a service might; stops once where it is told to."""

    labels = ("GET /a", "POST /b")
    asked: list[tuple[str, int]]
    stop_after: int
    failing: str

    def __init__(self, folder: Path) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, label: str, seed: int, count: int) -> tuple[dict[str, int], dict[str, str]]:
        if len(self.asked) == Fuzzed.stop_after:
            Fuzzed.stop_after = -1
            raise KeyboardInterrupt
        self.asked.append((label, seed))
        if label == Fuzzed.failing:
            return {"200": count - 1, "500": 1}, {f"{label} 500": "curl"}
        return {"200": count}, {}


@pytest.fixture
def fuzzed(monkeypatch: pytest.MonkeyPatch) -> type[Fuzzed]:
    Fuzzed.asked, Fuzzed.stop_after, Fuzzed.failing = [], -1, ""
    monkeypatch.setitem(sys.modules, "benchmarks._fuzzed", SimpleNamespace(Fuzzed=Fuzzed))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    return Fuzzed


def fuzz(tmp_path: Path, **options: Any) -> tuple[int, dict[str, Any]]:
    out = tmp_path / "fuzz.json"
    code = service_fuzz.main(cases=120, journal=tmp_path / "fuzz.jsonl", out=out,
                             **{"minutes": None, **options})
    return code, json.loads(out.read_text())


def test_fuzzing_goes_on_where_it_was_broken_off(fuzzed: type[Fuzzed], tmp_path: Path) -> None:
    fuzzed.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        fuzz(tmp_path)
    code, found = fuzz(tmp_path)
    assert fuzzed.asked == [(label, seed) for seed in range(3) for label in fuzzed.labels]
    assert (code, found["cases"], found["server_errors"]) == (0, 120, 0)
    assert fuzz(tmp_path) == (code, found)
    assert len(fuzzed.asked) == 6


def test_a_server_error_fails_the_benchmark(fuzzed: type[Fuzzed], tmp_path: Path) -> None:
    fuzzed.failing = "POST /b"
    code, found = fuzz(tmp_path)
    assert (code, found["server_errors"], found["failures"]) == (1, 3, ["POST /b 500: curl"])
    assert found["statuses"] == {"200": 117, "500": 3}


def test_without_schemathesis_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install schemathesis"):
        service_fuzz.main(cases=1, journal=None, minutes=None, out=None)


def test_without_its_tools_no_network_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METRONAS_IN_NAMESPACE", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UserError, match="unshare, nsenter, ip is not installed"):
        _links.go_inside()


def test_overlapping_leases_are_counted(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / DATABASE))
    database.migrate()
    now = [0.0]
    queue = Queue(database, Limits(lease_s=10.0), lambda: now[0])
    with database.write() as session:
        session.add(User(id=1, name="ann", max_running=9, max_queued=9, created_at_s=0.0))
    worker, _ = queue.register(1, Claim("k", "box", "cpu", "cpu", {}, "1"))
    for _ in range(2):
        queue.submit(1, Submission("train", {}))
        assert queue.lease(worker, 1) is not None
        now[0] += 20.0
        queue.expire()
    assert overlaps(tmp_path) == 0
    with database.write() as session:
        session.get_one(Lease, 1).ended_at_s = 25.0
    assert overlaps(tmp_path) > 0
    database.close()


def test_jobs_that_ended_never_or_twice_are_told(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / DATABASE))
    database.migrate()
    queue = Queue(database, Limits(), lambda: 0.0)
    with database.write() as session:
        session.add(User(id=1, name="ann", max_running=9, max_queued=9, created_at_s=0.0))
    worker, _ = queue.register(1, Claim("k", "box", "cpu", "cpu", {}, "1"))
    made = (Made("training", "", "job", {}, "training"),)
    for _ in range(2):
        queue.submit(1, Submission("train", {}))
    held = queue.lease(worker, 1)
    assert held is not None
    queue.finish(held.lease_id, held.fence, 1, Handover("done", made=made))
    assert not_once(tmp_path, [1]) == []
    assert not_once(tmp_path, [1, 2]) == [
        "job 2: leases, events and results of its end: (0, 0, 0)"]
    with database.write() as session:
        session.add(Event(job_id=1, lease_id=None, number=None, created_at_s=0.0, kind="state",
                          data={"state": "done"}))
    assert not_once(tmp_path, [1]) == ["job 1: leases, events and results of its end: (1, 2, 1)"]
    database.close()


@pytest.mark.parametrize(("lines", "found"), [
    # One behind the other, and at once on two devices.
    (["1 cuda:0 job-1 10", "2 cuda:0 job-1 10", "1.5 cuda:1 job-2 11", "3 cuda:1 job-2 11",
      "2.1 cuda:0 job-3 12", "4 cuda:0 job-3 12"], 0),
    # Two processes on one device.
    (["1 cuda:0 job-1 10", "3 cuda:0 job-1 10", "2 cuda:0 job-2 11"], 1),
    # One job in two places.
    (["1 cuda:0 job-1 10", "3 cuda:0 job-1 10", "2 cuda:1 job-1 11"], 1),
])
def test_toys_that_run_at_once_are_counted(tmp_path: Path, lines: list[str], found: int) -> None:
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in lines))
    assert doubles(tmp_path / "log")[0] == found


def test_every_request_of_a_client_is_noted_also_one_that_it_repeats() -> None:
    taken = Taken()
    answers = iter([503, 200])

    class Flaky(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(answers))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Flaky) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with Client(f"http://127.0.0.1:{server.server_port}", transport=Watched(taken)) as client:
            assert client.job(1) == {}
        server.shutdown()
        thread.join()
    assert taken.errors == ["GET /api/v1/jobs/1: 503"]
    assert len(taken.ms) == 2


def test_memory_that_grows_is_told() -> None:
    flat = [50.0] * 20 + [100.0] * 80
    assert service_load._growth(flat)["grew"] == 0
    grows = [100.0 + second for second in range(100)]
    assert service_load._growth(grows)["grew"] == 60
    assert service_load._growth([100.0, 101.0])["fifths"] == [100.0, 101.0]
