"""Jobs over HTTP, from submission to download."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from evolution.service.accounts import Role
from evolution.service.store.models import Resource, User
from tests.evolution.service.sites import Site, site

API = "/api/v1"
WORKER = {"key": "1" * 64, "machine": "box", "device": "cpu", "target": "cpu", "version": "1"}


@pytest.fixture
def place(tmp_path: Path, url: str) -> Iterator[Site]:
    with site(tmp_path, database=url) as made:
        yield made


def keep(place: Site, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    answer = place.ask("PUT", f"{API}/blobs/{digest}", Role.worker, content=content)
    assert answer.status_code == 204, answer.text
    return {"sha256": digest, "size_bytes": len(content)}


def add_resource(place: Site, kind: str, target: str, key: str, info: dict[str, Any],
                 files: list[dict[str, Any]]) -> int:
    with place.service.database.write() as session:
        user = session.query(User).filter_by(name="submitter").one()
        made = Resource(kind=kind, target=target, key=key, info=info, files=files,
                        origin="upload", user_id=user.id, job_id=None, created_at_s=0.0)
        session.add(made)
    return made.id


def lease(place: Site) -> dict[str, Any]:
    worker = place.ask("POST", f"{API}/workers", Role.worker, json=WORKER).json()["worker"]
    answer = place.ask("POST", f"{API}/workers/{worker}/lease", Role.worker)
    assert answer.status_code == 200, answer.text
    held: dict[str, Any] = answer.json()
    return held


def test_a_job_from_submission_to_download(place: Site) -> None:
    wanted = {"kind": "train", "steps": 3}
    answer = place.ask("POST", f"{API}/jobs", Role.submitter, json=wanted,
                       headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{API}/jobs/1")
    assert place.ask("POST", f"{API}/jobs", Role.submitter, json=wanted,
                     headers={"Idempotency-Key": "k"}).status_code == 200
    held = lease(place)
    assert (held["job"], held["kind"], held["parameters"]["steps"]) == (1, "train", 3)
    assert place.ask("GET", f"{API}/jobs/1").json()["device"] == "box/cpu"
    path = f"{API}/leases/{held['lease']}"
    beat = {"fence": held["fence"], "lines": [[0, "step 1 of 3"]], "done": 1, "total": 3}
    assert place.ask("POST", f"{path}/heartbeat", Role.worker, json=beat).json() == {
        "cancel": False}
    files = [{"path": "training/report.html", **keep(place, b"<p>hi</p>")},
             {"path": "log.txt", **keep(place, b"x")}]
    made = [{"kind": "training", "target": "", "key": "job-1", "root": "training"}]
    end = {"fence": held["fence"], "outcome": "done", "files": files, "made": made,
           "summary": {"epe": 0.5}}
    for _ in range(2):  # the answer may be lost on the way
        assert place.ask("POST", f"{path}/finish", Role.worker, json=end).status_code == 204
    stale = place.ask("POST", f"{path}/heartbeat", Role.worker, json=beat)
    assert stale.status_code == 409
    job = place.ask("GET", f"{API}/jobs/1").json()
    assert (job["state"], job["summary"], job["user"]) == ("done", {"epe": 0.5}, "submitter")
    for query, summary in (("", {"epe": 0.5}), ("?summary=false", None)):
        (listed_job,) = place.ask("GET", f"{API}/jobs{query}").json()
        assert listed_job == {**job, "summary": summary}
    listed = place.ask("GET", f"{API}/jobs/1/artifacts", Role.viewer).json()
    assert [item["path"] for item in listed] == ["log.txt", "training/report.html"]
    number = listed[1]["id"]
    assert place.ask("GET", f"{API}/artifacts/{number}").content == b"<p>hi</p>"
    (training,) = place.ask("GET", f"{API}/trainings").json()
    assert [file["path"] for file in training["files"]] == ["report.html"]
    url = place.ask("POST", f"{API}/artifacts/{number}/ticket", Role.viewer).json()["url"]
    shown = place.ask("GET", url, None)
    assert shown.content == b"<p>hi</p>"
    assert "sandbox" in shown.headers["content-security-policy"]
    forged = url.replace(f"/view/{number}/", f"/view/{listed[0]['id']}/")
    assert place.ask("GET", forged, None).status_code == 403


def test_events_follow_a_job_to_its_end(place: Site) -> None:
    place.ask("POST", f"{API}/jobs", Role.submitter, json={"kind": "train"})
    held = lease(place)
    path = f"{API}/leases/{held['lease']}"
    beat = {"fence": held["fence"], "lines": [[0, "hello"]], "done": 1, "total": 2}
    place.ask("POST", f"{path}/heartbeat", Role.worker, json=beat)
    end = {"fence": held["fence"], "outcome": "failed", "message": "no luck"}
    place.ask("POST", f"{path}/finish", Role.worker, json=end)
    text = place.ask("GET", f"{API}/jobs/1/events", Role.viewer).text
    events = [dict(line.split(": ", 1) for line in block.split("\n"))
              for block in text.strip().split("\n\n")]
    kinds = [(event["event"], json.loads(event["data"])) for event in events]
    assert [kind for kind, _ in kinds] == ["state", "state", "progress", "log", "state", "end"]
    assert kinds[2][1]["done"] == 1
    assert kinds[3][1]["line"] == "hello"
    assert kinds[5][1] == {"state": "failed"}
    rest = place.ask("GET", f"{API}/jobs/1/events", Role.viewer,
                     headers={"Last-Event-ID": events[3]["id"]}).text
    assert rest.count("event: ") == 2
    assert place.ask("GET", f"{API}/jobs/9/events").status_code == 404


def test_cancelling_is_for_owners_and_admins(place: Site) -> None:
    for _ in range(2):
        place.ask("POST", f"{API}/jobs", Role.admin, json={"kind": "train"})
    assert place.ask("POST", f"{API}/jobs/1/cancel", Role.submitter).status_code == 403
    assert place.ask("POST", f"{API}/jobs/1/cancel").json()["state"] == "cancelled"
    held = lease(place)
    assert place.ask("POST", f"{API}/jobs/2/cancel").json()["state"] == "running"
    beat = place.ask("POST", f"{API}/leases/{held['lease']}/heartbeat", Role.worker,
                     json={"fence": held["fence"]})
    assert beat.json() == {"cancel": True}


def test_a_search_starts_from_the_newest_table_and_its_predictor(place: Site) -> None:
    wanted = {"kind": "search", "target": "cpu", "latency": "80%"}
    refused = place.ask("POST", f"{API}/searches", json=wanted)
    assert (refused.status_code, "'profile' job" in refused.text) == (422, True)
    info = {"recipe": "flownas-small", "threads": 1, "precision": "fp32", "batch": 1,
            "runtime": "onnxruntime"}
    file = {"path": "table.json", **keep(place, b"{}")}
    old, new = (add_resource(place, "table", "cpu", "k", info, [file]) for _ in range(2))
    add_resource(place, "predictor", "cpu", "k", {"table": old}, [])
    refused = place.ask("POST", f"{API}/searches", json=wanted)
    assert (refused.status_code, f"predictor of table {new}" in refused.text) == (422, True)
    fitted = add_resource(place, "predictor", "cpu", "k", {"table": new},
                          [{"path": "predictor.json", **keep(place, b"[]")}])
    keyed = {"headers": {"Idempotency-Key": "k"}, "json": wanted}
    job = place.ask("POST", f"{API}/searches", **keyed).json()
    assert [item["resource"] for item in job["inputs"]] == [new, fitted]
    assert job["run_on"] == "cpu"
    held = lease(place)
    assert {item["path"] for item in held["inputs"]} == {
        "tables/cpu/k/table.json", "tables/cpu/k/predictor/predictor.json"}
    # The same request gives the same job, also where a new one would be refused by now.
    add_resource(place, "table", "cpu", "k", info, [file])
    assert place.ask("POST", f"{API}/searches", json=wanted).status_code == 422
    again = place.ask("POST", f"{API}/searches", **keyed)
    assert (again.status_code, again.json()["id"]) == (200, job["id"])
    other = {**keyed, "json": {**wanted, "seed": 5}}
    assert place.ask("POST", f"{API}/searches", **other).status_code == 409
    # Nothing is needed for a device that is estimated, and any device can search for it.
    wanted = {"kind": "search", "target": "rtx3090"}
    job = place.ask("POST", f"{API}/searches", json=wanted).json()
    assert (job["inputs"], job["run_on"]) == ([], None)


@pytest.mark.parametrize(("wanted", "message"), [
    ({"kind": "search", "target": "cpux"}, "unknown target 'cpux'; known:"),
    ({"kind": "search", "target": "cpu", "recipe": "x"}, "unknown recipe 'x'; known:"),
    ({"kind": "search", "target": "../etc"}, "pattern"),
    ({"kind": "search", "target": "cpu", "latency": "NaN%"}, "'NaN%' must be such as 80%"),
    ({"kind": "search", "target": "cpu", "latency": "nanms"}, "must be such as 80%"),
    ({"kind": "search", "target": "cpu", "latency": "--out=/x"}, "must be such as"),
    ({"kind": "search", "target": "cpu", "latency": "0%"}, "latency '0%' is no budget; give"),
    ({"kind": "search", "target": "cpu", "memory_mib": "0"}, "memory_mib '0' is no budget"),
    ({"kind": "search", "target": "cpu", "pareto": "120%..50%"},
     "pareto '120%..50%' must begin with the lower budget"),
    ({"kind": "search", "target": "cpu", "pareto": "50%..80%", "strategy": "exact"},
     "strategy 'exact' looks for one network"),
    ({"kind": "search", "target": "cpu", "strategy": "nosuch"}, "unknown strategy 'nosuch'"),
    ({"kind": "search", "target": "cpu", "halving": "2:1.5"}, "halving '2:1.5' is no halving"),
    ({"kind": "search", "target": "orin"}, "accept that with accept_estimate"),
    ({"kind": "search", "target": "rtx3090", "threads": 2}, "no table of 'flownas-small'"),
    ({"kind": "search", "target": "cpu", "seed": -1}, "greater than or equal to 0, not -1"),
    ({"kind": "library", "target": "rtx3090"}, "measured on processors so far"),
    ({"kind": "estimate", "target": "rtx3090", "model": 1, "threads": 2}, "leave them out"),
    ({"kind": "estimate", "target": "cpu", "model": 1, "batch": 2}, "shapes of the inputs instead"),
    ({"kind": "estimate", "target": "h200", "model": 1}, "no estimate of target 'h200'"),
    ({"kind": "estimate", "target": "orin", "model": 1}, "accept that with accept_estimate"),
    ({"kind": "estimate", "target": "rtx3090", "model": 1, "precision": "int8"}, "'int8'"),
    ({"kind": "profile", "target": "cpu", "precision": "fp99"}, "unknown precision 'fp99'"),
    ({"kind": "measure", "target": "cpu", "model": 1, "runtime": "x"}, "unknown runtime 'x'"),
    ({"kind": "search", "target": "cpu", "strategy": "-x/../y"}, "must be such as joint"),
    ({"kind": "search", "target": "cpu", "out": "elsewhere"}, "Extra inputs"),
    ({"kind": "search", "target": "cpu", "ray": "ray://evil.example:10001"}, "Extra inputs"),
    ({"kind": "search", "target": "cpu", "workers": 8}, "Extra inputs"),
    ({"kind": "fit", "target": "cpu", "table": 99}, "no table 99"),
    ({"kind": "fit", "target": "cpu", "table": 2**70}, "less than or equal"),
    ({"kind": "verify", "run": 1}, "no run 1"),
    ({"kind": "estimate", "target": "cpu", "model": 5}, "no model 5"),
    ({"kind": "dance"}, "dance"),
    ({}, "kind"),
    ([], "valid"),
])
def test_wrong_jobs_are_refused_and_say_why(place: Site, wanted: Any, message: str) -> None:
    answer = place.ask("POST", f"{API}/jobs", json=wanted)
    assert answer.status_code in (404, 422), answer.text
    assert message in answer.json()["detail"]
    assert place.ask("GET", f"{API}/jobs").json() == []


@pytest.mark.parametrize("body", [
    b'{"kind": "fit", "target": "cpu", "level": NaN}', b'{"kind": "fit", "level": Infinity}',
    b'{"kind": "profile", "target": "cpu", "budget_minutes": -Infinity}',
    b'{"kind": "profile", "target": "cpu", "budget_minutes": NaN}',
    b'{"kind": "search", "target": "cpu", "latency": NaN}',
    b'{"kind": "measure", "target": "cpu", "model": 1, "max_seconds": NaN}',
    b'{"kind": "fit", "target": "\\ud800"}', b'{"kind": "fit", "target": "a\\u0000"}', b"\xff\xfe",
    b"", b"{", b"[" * 20000, b'{"kind": "\\u202e"}',
])
def test_malformed_bodies_are_refused(place: Site, body: bytes) -> None:
    answer = place.ask("POST", f"{API}/jobs", content=body,
                       headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert place.ask("GET", "/health").status_code == 200


def test_large_bodies_are_refused_before_they_are_read(place: Site) -> None:
    limit = place.service.settings.body_bytes
    assert place.ask("POST", f"{API}/jobs", content=b" " * (limit + 1)).status_code == 413
    unannounced = (b" " * 65536 for _ in range(limit // 65536 + 2))
    assert place.ask("POST", f"{API}/jobs", content=unannounced).status_code == 413
    assert place.ask("POST", f"{API}/jobs", headers={"Content-Length": "2147483648"},
                     content=b"x").status_code == 413
    for length in (b"-1", b"1e3"):
        assert place.ask("POST", f"{API}/jobs", headers={"Content-Length": length},
                         content=b"x").status_code == 413


def test_files_are_kept_only_whole(place: Site) -> None:
    answer = place.ask("PUT", f"{API}/blobs/{'0' * 64}", Role.worker, content=b"torn")
    assert (answer.status_code, "send them again" in answer.text) == (422, True)
    assert place.ask("HEAD", f"{API}/blobs/{'0' * 64}", Role.worker).status_code == 404
    kept = keep(place, b"whole")
    assert place.ask("HEAD", f"{API}/blobs/{kept['sha256']}", Role.worker).status_code == 204
    assert place.ask("GET", f"{API}/blobs/{kept['sha256']}", Role.worker).content == b"whole"
    assert list((place.service.blobs.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "a//b", ".hidden", "a\\b",
                                  "a/./b", "", "a\n", "é", "x/" * 200])
def test_paths_that_leave_the_folder_are_refused(place: Site, path: str) -> None:
    place.ask("POST", f"{API}/jobs", json={"kind": "train"})
    held = lease(place)
    end = {"fence": held["fence"], "outcome": "done", "files": [
        {"path": path, **keep(place, b"x")}]}
    answer = place.ask("POST", f"{API}/leases/{held['lease']}/finish", Role.worker, json=end)
    assert answer.status_code == 422
    assert place.ask("GET", f"{API}/jobs/1").json()["state"] == "running"


def test_a_job_cannot_end_with_files_that_were_not_sent(place: Site) -> None:
    place.ask("POST", f"{API}/jobs", json={"kind": "train"})
    held = lease(place)
    end = {"fence": held["fence"], "outcome": "done",
           "files": [{"path": "a", "sha256": "a" * 64, "size_bytes": 1}]}
    answer = place.ask("POST", f"{API}/leases/{held['lease']}/finish", Role.worker, json=end)
    assert (answer.status_code, "'a'" in answer.text) == (422, True)


def test_priorities_above_five_are_for_admins(place: Site) -> None:
    for role, status in ((Role.submitter, 403), (Role.admin, 201)):
        answer = place.ask("POST", f"{API}/jobs?priority=6", role, json={"kind": "train"})
        assert answer.status_code == status


def test_quotas_and_figures(place: Site) -> None:
    quota = {"max_running": 1, "max_queued": 1}
    assert place.ask("PUT", f"{API}/users/submitter/quota", json=quota).status_code == 200
    codes = [place.ask("POST", f"{API}/jobs", Role.submitter, json={"kind": "train"}).status_code
             for _ in range(2)]
    assert codes == [201, 429]
    lease(place)
    text = place.ask("GET", "/metrics", Role.viewer).text
    assert 'metronas_jobs{state="running"} 1.0' in text
    assert 'metronas_devices{alive="true"} 1.0' in text
    assert f'metronas_requests_total{{method="POST",route="{API}/jobs",status="429"}} 1.0' in text
    (device,) = place.ask("GET", f"{API}/devices", Role.viewer).json()
    assert (device["job_id"], device["alive"], device["fence"]) == (1, True, 1)


def test_figures_stay_few_whatever_is_asked(place: Site) -> None:
    for number in range(3):
        assert place.ask(f"BREW{number}", f"/coffee/{number}").status_code == 404
    text = place.ask("GET", "/metrics").text
    assert 'metronas_requests_total{method="other",route="none",status="404"} 3.0' in text
    assert "BREW" not in text
    assert "coffee" not in text


def test_a_stream_ends_with_its_token(place: Site) -> None:
    place.ask("POST", f"{API}/jobs", json={"kind": "train"})
    token = place.ask("POST", f"{API}/tokens", json={"user": "eve", "role": "viewer"}
                      ).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    with ThreadPoolExecutor(1) as pool:
        stream = pool.submit(place.client.get, f"{API}/jobs/1/events", headers=headers)
        try:
            for _ in range(600):
                if place.service.streams:
                    break
                time.sleep(0.05)
            assert place.service.streams == 1
            name = token.split("_")[1]
            assert place.ask("DELETE", f"{API}/tokens/{name}").status_code == 204
            text = stream.result(timeout=20).text
        finally:
            place.service.stopping.set()
    assert "event: state" in text
    assert "event: end" not in text


def test_a_full_disk_is_not_ready(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.ask("GET", "/ready", None).json() == {"status": "ready"}
    monkeypatch.setattr(type(place.service), "free_bytes", lambda _: 1 << 20)
    refused = place.ask("GET", "/ready", None)
    assert (refused.status_code, refused.json()["detail"]) == (503, "the disk is full")
    assert "metronas_data_free_bytes 1.048576e+06" in place.ask("GET", "/metrics").text
