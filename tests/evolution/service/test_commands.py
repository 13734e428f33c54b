"""The service's commands as a user meets them, each in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evolution.client import Client
from evolution.service.core import Service
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
    done = call(*make, "ann:admin", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mn_")


def test_a_taken_port_and_a_wrong_database(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = call("evolution.serve", "--port", port, "--data", "d", cwd=tmp_path)
    assert f"cannot listen on 127.0.0.1:{port}" in refused(done)
    done = call("evolution.serve", "--database", "oracle://x", "--data", "d", cwd=tmp_path)
    assert "'oracle://x'" in refused(done)


@pytest.mark.parametrize(("arguments", "message"), [
    (("evolution.worker", "--device", "tpu"), "unknown device 'tpu'"),
    (("evolution.worker", "--device", "cpu", "--server", "queue:8080"), "'queue:8080' must be"),
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
        (job,) = json.loads(client("list", "--json").stdout)
        assert (job["state"], job["parameters"]["steps"]) == ("cancelled", 3)


def test_a_worker_from_the_shell_registers_and_stops_when_asked(tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path / "data"))
    with listening(service) as url, Client(url) as client:
        worker = subprocess.Popen(
            [sys.executable, "-m", "evolution.worker", "--device", "cpu", "--server", url],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)
        try:
            for _ in range(600):
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
        assert (tmp_path / "metronas-work" / "cpu" / "worker.json").exists()
