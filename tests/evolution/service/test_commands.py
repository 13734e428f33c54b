"""The service's commands as a user meets them, each in a process of its own."""

from __future__ import annotations

import inspect
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from evolution.client import Client
from evolution.service.client.commands import kind_commands
from evolution.service.client.listing import print_list
from evolution.service.client.shell import submit
from evolution.service.core import Service
from evolution.service.jobs.kinds import KINDS
from evolution.service.store.models import Audit, Job
from profiler._clock import SystemClock
from profiler._diagnosis import diagnose
from profiler._system import System
from tests.evolution.service.sites import listening, settings

ROOT = Path(__file__).parents[3]


def call(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **variables}
    return subprocess.run([sys.executable, "-m", *arguments], cwd=cwd, env=environment,
                          capture_output=True, text=True, timeout=60, check=False)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


def test_it_does_not_listen_beyond_this_machine_without_a_token(tmp_path: Path) -> None:
    done = call("evolution.serve", "--host", "0.0.0.0", "--data", "d", cwd=tmp_path)
    assert "--host 0.0.0.0 is open to others, and no token was made" in refused(done)
    assert list(tmp_path.iterdir()) == []


def test_the_first_token_is_an_admins_and_is_printed_once(tmp_path: Path) -> None:
    make = ("evolution.serve", "--data", "d", "--new-token")
    assert "must be USER:ROLE; roles: viewer" in refused(call(*make, "ann:king", cwd=tmp_path))
    assert "must be an admin's" in refused(call(*make, "ann:viewer", cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []
    done = call(*make, "ann:admin", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mn_")
    service = Service.open(settings(tmp_path / "d"))
    with service.database.read() as session:
        (entry,) = session.scalars(select(Audit))
    service.close()
    assert (entry.user_name, entry.action, entry.subject) == ("command line", "make token", "ann")


def test_a_taken_port_and_a_wrong_database(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = call("evolution.serve", "--port", port, "--data", "d", cwd=tmp_path)
    assert f"cannot listen on 127.0.0.1:{port}" in refused(done)
    done = call("evolution.serve", "--database", "oracle://x", "--data", "d", cwd=tmp_path)
    assert "'oracle://x'" in refused(done)
    done = call("evolution.serve", "--keep-days", "inf", "--data", "d", cwd=tmp_path)
    assert "--keep-days 'inf' must be a finite number" in refused(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "message"), [
    (("evolution.worker", "--device", "tpu"), "unknown device 'tpu'"),
    (("evolution.worker", "--device", "cpu", "--server", "queue:8080"), "'queue:8080' must be"),
    (("evolution.worker", "--device", "cpu", "--ray", "http://x/y"), "'http://x/y' must be"),
    (("evolution.client", "list", "cats"), "cannot list 'cats'; known: jobs"),
    (("evolution.client", "submit", "fit", "target"), "'target' must be NAME=VALUE"),
    (("evolution.client", "submit", "measure", "--model", "x.onnx"), "no model file 'x.onnx'"),
    (("evolution.client", "upload-table", "."), "holds no latency table"),
])
def test_wrong_input_ends_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(call(*arguments, cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_client_from_the_shell(tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path / "data"))
    with listening(service) as url:
        def client(*arguments: str) -> subprocess.CompletedProcess[str]:
            return call("evolution.client", *arguments, cwd=tmp_path, METRONAS_SERVER=url)

        made = client("submit", "train", "steps=3")
        assert (made.returncode, made.stdout) == (0, "1\n"), made.stderr
        said = refused(client("submit", "fit", "target=cpu", "level=NaN"))
        assert "the service refused" in said
        assert "level" in said
        assert client("cancel", "1").stdout == "job 1: cancelled\n"
        followed = client("follow", "1")
        assert (followed.returncode, followed.stderr.splitlines()[-1]) == (1, "job 1: cancelled")
        assert "cannot remove 'cats'; known: models" in refused(client("remove", "cats", "1"))
        assert client("remove", "jobs", "1").stdout == "files of job 1: removed\n"
        (job,) = json.loads(client("list", "--json").stdout)
        assert (job["state"], job["parameters"]["steps"]) == ("cancelled", 3)


def test_a_server_that_is_away_or_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"x")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        said = refused(call("evolution.client", "estimate", "x.onnx", "--target", "cpu",
                            "--server", away, cwd=tmp_path))
        assert f"no answer from {away}" in said
    said = refused(call("evolution.client", "list", "--server", "queue:8080", cwd=tmp_path))
    assert "server 'queue:8080' must be such as http://queue:8080" in said


def test_each_kind_of_job_from_the_shell(tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path / "data"))
    with listening(service) as url:
        def client(*arguments: str) -> subprocess.CompletedProcess[str]:
            return call("evolution.client", *arguments, "--server", url, cwd=tmp_path)

        done = client("search", "--target", "rtx3090", "--latency", "80%", "--memory-mib", "20",
                      "--accept-estimate", "--evaluations", "7", "--seed=3", "--key", "k")
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
        done = client("profile", "--target", "cpu", "--budget-minutes", "0.5", "--priority", "6")
        assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
        assert "threads" in refused(client("fit", "--target", "cpu", "--threads", "many"))
        assert "no model file 'x.onnx'" in refused(client("estimate", "x.onnx", "--target", "cpu"))
        assert "--target" in refused(client("search"))
    with service.database.read() as session:
        search, profile = session.scalars(select(Job).order_by(Job.id))
    wanted = {"target": "rtx3090", "latency": "80%", "memory_mib": "20", "evaluations": 7,
              "accept_estimate": True, "seed": 3, "recipe": "flownas-small", "pareto": None}
    assert {name: search.parameters[name] for name in wanted} == wanted
    assert search.idempotency_key == "k"
    assert (profile.kind, profile.parameters["budget_minutes"], profile.priority) == (
        "profile", 0.5, 6)


def test_lists_tell_what_one_looks_for(capsys: pytest.CaptureFixture[str]) -> None:
    known = {"id": 3, "kind": "verify", "state": "queued", "user": "ann", "progress_done": None,
             "progress_total": None, "device": None, "run_on": "rtx3090", "message": ""}
    print_list("jobs", [known, {**known, "device": "box/cuda:0"}])
    waits, runs = capsys.readouterr().out.splitlines()
    assert waits == "3\tverify\tqueued\tann\t-\t-\trtx3090\t"
    assert runs.split("\t")[6] == "box/cuda:0"
    info = {"recipe": "flownas-small", "budget_ms": 3.65807, "predicted_ms": 2.9,
            "latency_ms": None, "latencies": "estimated", "verified": False}
    print_list("runs", [{"id": 1, "target": "rtx3090", "user": "ann", "job_id": 3, "info": info}])
    assert capsys.readouterr().out == (
        "1\trtx3090\tflownas-small\t3.658\t-\t2.900\testimated\tFalse\tann\t3\n")
    print_list("recipes", ["flownas"])
    print_list("targets", [{"name": "cpu", "kind": "cpu", "title": "here"}])
    assert capsys.readouterr().out == "flownas\ncpu\tcpu\there\t-\n"


def test_the_client_offers_every_parameter_of_every_kind() -> None:
    commands = kind_commands(submit)
    for kind, fields in KINDS.items():
        offered = inspect.signature(commands[kind]).parameters
        assert set(fields.model_fields) - {"kind"} <= set(offered)
        assert {"server", "token", "follow_it", "out", "priority", "key"} <= set(offered)


def test_a_worker_from_the_shell_registers_and_stops_when_asked(tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path / "data"))
    with listening(service) as url, Client(url) as client:
        worker = subprocess.Popen(
            [sys.executable, "-m", "evolution.worker", "--device", "cpu", "--server", url],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)
        try:
            for _ in range(2400):
                if client.list("devices") or worker.poll() is not None:
                    break
                time.sleep(0.05)
            worker.terminate()
            _, said = worker.communicate(timeout=30)
        finally:
            worker.kill()
        (device,) = client.list("devices")
        assert (device["name"], device["target"], device["alive"]) == ("cpu", "cpu", True)
        assert worker.returncode == 0, said
        checks = {finding["check"] for finding in device["info"]["findings"]}
        assert checks <= {finding.check for finding in diagnose(System(), SystemClock())}
        assert (tmp_path / "metronas-work" / "cpu" / "worker.json").exists()
