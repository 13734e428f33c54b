"""Room for uploads, and files that are removed: by hand, and once they are old."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from evolution.client import Client
from evolution.service.accounts import Role
from evolution.service.api.routes import uploads
from evolution.service.errors import GoneError
from evolution.service.queue.records import Submission
from evolution.service.store.models import Audit, Event, Job, Resource
from evolution.service.upkeep import sweeping
from evolution.service.upkeep.room import say_bytes
from evolution.service.upkeep.sweeping import drop_bytes, keep_house, remove_old
from tests.evolution.service.conftest import Clock
from tests.evolution.service.sites import Site, site
from tests.evolution.service.test_api import API, add_resource, keep, lease

DAY_S = 86400.0
TABLE = {"recipe": "flownas-small", "threads": 1, "precision": "fp32", "batch": 1,
         "runtime": "onnxruntime"}


@pytest.fixture
def place(tmp_path: Path, url: str, clock: Clock) -> Iterator[Site]:
    with site(tmp_path, database=url, clock=clock, upload_bytes=250) as made:
        yield made


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every upload is taken for sound."""
    monkeypatch.setattr(uploads, "judge", lambda *_: {"inputs": []})


def upload(place: Site, content: bytes, role: Role = Role.submitter) -> Any:
    return place.ask("POST", f"{API}/models", role, files={"model.onnx": ("m.onnx", content)})


def age(place: Site) -> None:
    """As if nobody had sent or asked for any file within a day."""
    for path in place.service.blobs.folder.glob("??/*"):
        os.utime(path, (0, 0))


def stored(place: Site) -> set[str]:
    return {path.name for path in place.service.blobs.folder.glob("??/*")}


def done(place: Site, wanted: dict[str, Any], files: dict[str, bytes],
         made: list[dict[str, Any]] | None = None) -> int:
    """Submits a job and carries it out; its number."""
    answer = place.ask("POST", f"{API}/jobs", Role.submitter, json=wanted)
    assert answer.status_code == 201, answer.text
    held = lease(place)
    assert held["job"] == answer.json()["id"]
    path = f"{API}/leases/{held['lease']}"
    beat = {"fence": held["fence"], "lines": [[0, "hello"]], "done": 1, "total": 2}
    place.ask("POST", f"{path}/heartbeat", Role.worker, json=beat)
    end = {"fence": held["fence"], "outcome": "done", "made": made or [], "summary": {"epe": 0.5},
           "files": [{"path": name, **keep(place, content)} for name, content in files.items()]}
    answer = place.ask("POST", f"{path}/finish", Role.worker, json=end)
    assert answer.status_code == 204, answer.text
    number: int = held["job"]
    return number


def profile(place: Site, content: bytes) -> int:
    return done(place, {"kind": "profile", "target": "cpu"}, {"tables/cpu/k/table.json": content},
                [{"kind": "table", "target": "cpu", "key": "k", "info": TABLE,
                  "root": "tables/cpu/k"}])


def fit(place: Site, content: bytes) -> int:
    (table, *_) = place.ask("GET", f"{API}/tables").json()
    return done(place, {"kind": "fit", "target": "cpu"}, {"p/predictor.json": content},
                [{"kind": "predictor", "target": "cpu", "key": "k", "root": "p",
                  "info": {"table": table["id"]}}])


def search(place: Site, content: bytes) -> int:
    return done(place, {"kind": "search", "target": "cpu"}, {"run/result.json": content},
                [{"kind": "run", "target": "cpu", "key": "r", "root": "run"}])


def jobs_without_files(place: Site) -> list[int]:
    return [job["id"] for job in place.ask("GET", f"{API}/jobs?order=oldest").json()
            if job["files_removed_at_s"] is not None]


@pytest.mark.usefixtures("sound")
def test_a_user_keeps_so_much_and_no_more(place: Site) -> None:
    assert upload(place, b"a" * 200).status_code == 201
    before = stored(place)
    refused = upload(place, b"b" * 51)
    assert refused.status_code == 413
    assert refused.json()["detail"].startswith(
        "these 51 bytes are not taken: 'submitter' keeps 200 bytes of uploads, and at most "
        "250 bytes are allowed; delete some")
    assert stored(place) == before
    assert upload(place, b"b" * 50).status_code == 201
    # Another user has room of his own, and an admin can give more.
    assert upload(place, b"c" * 250, Role.admin).status_code == 201
    quota = {"max_running": 1, "max_queued": 3, "max_upload_bytes": 300}
    assert place.ask("PUT", f"{API}/users/submitter/quota", json=quota).json() == quota
    assert upload(place, b"b" * 50).status_code == 201
    (own,) = place.ask("GET", f"{API}/usage", Role.submitter).json()
    assert own == {"user": "submitter", "running": 0, "max_running": 1, "queued": 0,
                   "max_queued": 3, "upload_bytes": 300, "max_upload_bytes": 300}
    known = {one["user"]: one["upload_bytes"] for one in place.ask("GET", f"{API}/usage").json()}
    assert known == {"admin": 250, "submitter": 300, "viewer": 0, "worker": 0}


def test_what_is_sure_not_to_fit_is_refused_unread(place: Site) -> None:
    for path in ("models", "tables"):
        answer = place.ask("POST", f"{API}/{path}", Role.submitter, content=b"x", headers={
            "Content-Length": str((64 << 10) + 251),
            "Content-Type": "multipart/form-data; boundary=x"})
        assert answer.status_code == 413
        assert "these 251 bytes are not taken" in answer.json()["detail"]


@pytest.mark.usefixtures("sound")
def test_uploads_that_come_together_do_not_exceed_what_each_would_keep(
    place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # While the one is judged, the other is kept.
    def judge(*_: object) -> dict[str, Any]:
        monkeypatch.setattr(uploads, "judge", lambda *_: {"inputs": []})
        assert upload(place, b"a" * 200).status_code == 201
        return {"inputs": []}

    monkeypatch.setattr(uploads, "judge", judge)
    assert upload(place, b"b" * 200).status_code == 413
    assert len(stored(place)) == 1


@pytest.mark.usefixtures("sound")
def test_uploads_are_removed_by_their_owner_or_an_admin(place: Site) -> None:
    mine, other = (upload(place, b"a" * 100, role).json()["id"]
                   for role in (Role.submitter, Role.admin))
    path = f"{API}/models"
    assert place.ask("DELETE", f"{path}/{other}", Role.submitter).status_code == 403
    assert place.ask("DELETE", f"{path}/99").status_code == 404
    assert place.ask("DELETE", f"{API}/tables/{mine}").status_code == 404
    wanted = {"kind": "measure", "target": "cpu", "model": mine}
    job = place.ask("POST", f"{API}/jobs", Role.submitter, json=wanted).json()["id"]
    used = place.ask("DELETE", f"{path}/{mine}", Role.submitter)
    assert (used.status_code, f"used by job {job};" in used.text) == (409, True)
    place.ask("POST", f"{API}/jobs/{job}/cancel")
    assert place.ask("DELETE", f"{path}/{mine}", Role.submitter).status_code == 204
    again = place.ask("DELETE", f"{path}/{mine}", Role.submitter)
    assert (again.status_code, again.json()["detail"]) == (410, f"model {mine} was removed already")
    assert [item["id"] for item in place.ask("GET", path).json()] == [other]
    assert place.ask("GET", f"{path}/{mine}").json()["removed_at_s"] == place.service.clock()
    assert place.ask("POST", f"{API}/jobs", json=wanted).status_code == 410
    (own,) = place.ask("GET", f"{API}/usage", Role.submitter).json()
    assert own["upload_bytes"] == 0
    (entry, *_) = place.ask("GET", f"{API}/audit").json()
    assert (entry["action"], entry["subject"]) == ("delete", f"model {mine}")
    # The other upload is of the same bytes.
    age(place)
    assert drop_bytes(place.service) == (0, 0)
    assert place.ask("DELETE", f"{path}/{other}").status_code == 204
    assert drop_bytes(place.service) == (1, 100)
    assert stored(place) == set()


def test_what_a_job_made_is_no_upload(place: Site) -> None:
    job = profile(place, b"{}")
    refused = place.ask("DELETE", f"{API}/tables/1")
    assert (refused.status_code, f"the files of job {job}" in refused.text) == (409, True)


def test_files_of_jobs_are_removed_by_hand(place: Site) -> None:
    job = search_alone(place, b"one")
    path = f"{API}/jobs/{job}/artifacts"
    (file,) = place.ask("GET", path).json()
    ticket = place.ask("POST", f"{API}/artifacts/{file['id']}/ticket", Role.viewer).json()["url"]
    assert place.ask("DELETE", path, Role.viewer).status_code == 403
    verify = place.ask("POST", f"{API}/jobs", json={"kind": "verify", "run": 1}).json()["id"]
    used = place.ask("DELETE", path, Role.submitter)
    assert (used.status_code, f"is used by job {verify};" in used.text) == (409, True)
    unfinished = place.ask("DELETE", f"{API}/jobs/{verify}/artifacts")
    assert (unfinished.status_code, "has not ended (queued)" in unfinished.text) == (409, True)
    place.ask("POST", f"{API}/jobs/{verify}/cancel")
    assert place.ask("DELETE", path, Role.submitter).status_code == 204
    for method, gone in (("GET", path), ("DELETE", path), ("GET", f"{API}/artifacts/{file['id']}"),
                         ("GET", ticket), ("GET", f"{API}/runs/1/points")):
        answer = place.ask(method, gone)
        assert (answer.status_code, "removed" in answer.text) == (410, True), (gone, answer.text)
    kept = place.ask("GET", f"{API}/jobs/{job}").json()
    assert (kept["summary"], kept["files_removed_at_s"]) == ({"epe": 0.5}, place.service.clock())
    events = place.ask("GET", f"{API}/jobs/{job}/events", Role.viewer).text
    assert "event: state" in events
    assert "hello" not in events
    assert place.ask("GET", f"{API}/runs").json() == []


def search_alone(place: Site, content: bytes) -> int:
    """A search that starts from nothing that is kept."""
    return done(place, {"kind": "search", "target": "rtx3090"}, {"run/result.json": content},
                [{"kind": "run", "target": "rtx3090", "key": "r", "root": "run"}])


def test_old_files_go_unless_what_is_kept_came_from_them(place: Site, clock: Clock) -> None:
    profiled, fitted = profile(place, b"table 1"), fit(place, b"predictor 1")
    first = search(place, b"run 1")
    clock.pass_s(5 * DAY_S)
    second = search(place, b"run 2")
    clock.pass_s(5 * DAY_S)
    # The second search came from table and predictor; they are also the newest.
    assert remove_old(place.service, 7) == [first]
    newer = [profile(place, b"table 2"), fit(place, b"predictor 2")]
    clock.pass_s(1 * DAY_S)
    assert remove_old(place.service, 7) == []
    clock.pass_s(2 * DAY_S)
    assert remove_old(place.service, 7) == [profiled, fitted, second]
    age(place)
    files, freed = drop_bytes(place.service)
    assert (files, freed) == (4, len(b"table 1predictor 1run 1run 2"))
    assert len(stored(place)) == 2
    clock.pass_s(1000 * DAY_S)
    assert remove_old(place.service, 7) == []
    assert jobs_without_files(place) == [profiled, fitted, first, second]
    assert {item["job_id"] for item in place.ask("GET", f"{API}/tables").json()} == {newer[0]}
    with place.service.database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.user_name == "upkeep")
                                  .order_by(Audit.id)).all()
        left = session.scalar(select(func.count()).select_from(Event).where(
            Event.job_id == first, Event.kind != "state"))
    assert [entry.subject for entry in entries] == [
        f"job {number}" for number in (first, profiled, fitted, second)]
    assert entries[0].detail == {"keep_days": 7, "files": 1, "size_bytes": 5, "lines": 2,
                                 "resources": ["run 3"]}
    assert left == 0


def test_files_of_jobs_that_wait_or_run_are_not_touched(place: Site, clock: Clock) -> None:
    done_job = search_alone(place, b"run")
    place.ask("POST", f"{API}/jobs", json={"kind": "export", "run": 1})
    clock.pass_s(100 * DAY_S)
    assert remove_old(place.service, 1) == []
    held = lease(place)
    clock.pass_s(3.0)
    assert remove_old(place.service, 1) == []
    end = {"fence": held["fence"], "outcome": "failed", "files": [
        {"path": "log.txt", **keep(place, b"why")}]}
    assert place.ask("POST", f"{API}/leases/{held['lease']}/finish", Role.worker,
                     json=end).status_code == 204
    assert remove_old(place.service, 1) == []
    clock.pass_s(2 * DAY_S)
    assert remove_old(place.service, 1) == [done_job, held["job"]]


def test_a_job_that_is_submitted_meanwhile_keeps_what_it_starts_from(
    place: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = search_alone(place, b"run")
    clock.pass_s(100 * DAY_S)
    real = sweeping.removable

    def then_submitted(*arguments: Any) -> list[int]:
        found = real(*arguments)
        assert found == [job]
        place.ask("POST", f"{API}/jobs", json={"kind": "verify", "run": 1})
        return found

    monkeypatch.setattr(sweeping, "removable", then_submitted)
    assert remove_old(place.service, 1) == []
    assert place.ask("GET", f"{API}/jobs/{job}/artifacts").status_code == 200


def test_what_was_removed_is_not_started_from(place: Site) -> None:
    number = add_resource(place, "training", "", "t", {}, [])
    with place.service.database.write() as session:
        user = session.scalars(select(Job.user_id)).first() or 1
    wanted = Submission("search", {"target": "rtx3090"}, [
        {"resource": number, "kind": "training", "place": "weights"}])
    with place.service.database.write() as session:
        session.get_one(Resource, number).removed_at_s = 1.0
    with pytest.raises(GoneError, match=f"training {number} was removed just now"):
        place.service.queue.submit(user, wanted)


def test_bytes_that_a_worker_has_just_asked_for_stay(place: Site, clock: Clock) -> None:
    job = search_alone(place, b"same")
    clock.pass_s(2 * DAY_S)
    assert remove_old(place.service, 1) == [job]
    age(place)
    (digest,) = stored(place)
    assert place.ask("HEAD", f"{API}/blobs/{digest}", Role.worker).status_code == 204
    assert drop_bytes(place.service) == (0, 0)
    again = search_alone(place, b"same")
    age(place)
    assert drop_bytes(place.service) == (0, 0)
    clock.pass_s(2 * DAY_S)
    assert remove_old(place.service, 1) == [again]
    assert drop_bytes(place.service) == (1, 4)


def test_files_that_the_database_never_knew_are_not_removed(place: Site, clock: Clock) -> None:
    job = search_alone(place, b"known")
    keep(place, b"of another database in the same folder")
    clock.pass_s(2 * DAY_S)
    assert remove_old(place.service, 1) == [job]
    age(place)
    drop_bytes(place.service)
    assert len(stored(place)) == 1


def test_without_a_setting_nothing_goes(place: Site, clock: Clock) -> None:
    job = search_alone(place, b"run")
    clock.pass_s(10_000 * DAY_S)
    keep_house(place.service)
    assert place.ask("GET", f"{API}/jobs/{job}/artifacts").status_code == 200


def test_the_server_looks_by_itself(tmp_path: Path, clock: Clock) -> None:
    with site(tmp_path, clock=clock, keep_days=1, upkeep_s=0.05) as place:
        job = search_alone(place, b"run")
        clock.pass_s(2 * DAY_S)
        for _ in range(1200):
            if jobs_without_files(place):
                break
            time.sleep(0.05)
        assert jobs_without_files(place) == [job]


def test_the_client_removes(tmp_path: Path) -> None:
    with site(tmp_path, tokens=False) as place, Client(
            "http://127.0.0.1", transport=place.client._transport) as client:
        job = client.submit("train")["id"]
        client.cancel(job)
        client.remove("jobs", job)
        assert client.job(job)["files_removed_at_s"] is not None
        assert client.list("usage")[0]["user"] == "local"


@pytest.mark.parametrize(("count", "said"), [
    (0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (20 << 30, "20.0 GiB"),
    (5000 << 40, "5000.0 TiB")])
def test_sizes_for_people(count: int, said: str) -> None:
    assert say_bytes(count) == said
