"""Small parts of the service on their own."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

import anyio
import pytest
from pydantic import ValidationError
from sqlalchemy import select
from starlette.types import Message

from evolution.budget import QUANTITIES, parse_amount, parse_range
from evolution.service.accounts import Role
from evolution.service.api.bodies import BodyLimit
from evolution.service.api.throttle import Throttle
from evolution.service.core import Service
from evolution.service.errors import ServiceError
from evolution.service.jobs.commands import Command, Means, build
from evolution.service.jobs.kinds import KINDS
from evolution.service.logs import JsonFormatter
from evolution.service.paths import safe_path
from evolution.service.protocol import check_plain
from evolution.service.queue.records import Claim, Submission
from evolution.service.settings import is_loopback
from evolution.service.store.blobs import BlobStore
from evolution.service.store.models import Lease
from evolution.service.worker.running import Running, environment
from tests.evolution.service.sites import settings

LEAST = {
    "profile": {"target": "cpu"}, "library": {"target": "cpu"}, "fit": {"target": "cpu"},
    "train": {}, "search": {"target": "cpu"}, "verify": {"run": 1},
    "export": {"run": 1, "point": 2, "training": 3},
    "estimate": {"target": "cpu", "model": 1}, "measure": {"target": "cpu", "model": 1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_commands_know_their_options(kind: str) -> None:
    """Each option that a job's command line has is one that the command's function takes."""
    import importlib
    import inspect
    import typing

    parameters = {**LEAST[kind]}
    if kind == "search":
        parameters |= {"pareto": "50%..120%", "strategy": "joint", "evaluations": 3, "training": 1,
                       "accept_estimate": True, "memory_mib": 20, "parameters": "600k",
                       "flops": "3.5G", "energy_mj": "80%", "halving": "2:0.3", "verify_points": 2}
    if kind == "estimate":
        parameters |= {"inputs": ["x:1x3"], "strict": True}
    command = build(kind, parameters, Means("cuda:0", scorers=3, ray="10.0.0.1:6379"))
    assert command.arguments[1] == "-m"
    main = importlib.import_module(command.arguments[2]).main
    hints = typing.get_type_hints(main, include_extras=True)
    known = set()
    for name in inspect.signature(main).parameters:
        known.add(f"--{name.replace('_', '-')}")
        for extra in getattr(hints[name], "__metadata__", ()):
            # Typer keeps the first name that is spelled out where defaults used to be.
            known |= {extra.default, *(extra.param_decls or ())}
    given = {text.split("=")[0] for text in command.arguments if text.startswith("--")}
    assert given
    assert given <= known


def test_limits_of_searches_reach_the_command_as_they_were_given() -> None:
    given = {"memory_mib": 20, "parameters": "600k", "flops": "80%", "halving": "2:.3",
             "pareto": "40ms..80.5ms"}
    line = build("search", {"target": "cpu", **given}, Means("cpu")).arguments
    assert {"--memory-mib=20", "--parameters=600k", "--flops=80%", "--halving=2:.3",
            "--pareto=40ms..80.5ms"} < set(line)
    assert parse_range(given["pareto"], option="") == ("40ms", "80.5ms")
    for name in ("memory_mib", "parameters", "flops"):
        parse_amount(str(given[name]), 1.0, QUANTITIES[name], option="")
    for name, text in [("memory_mib", "-1"), ("memory_mib", "nan"), ("parameters", "1e400"),
                       ("pareto", "50%"), ("pareto", "x..y"), ("halving", "-2"), ("flops", "1T"),
                       ("memory_mib", float("inf"))]:
        with pytest.raises(ValidationError, match=name):
            build("search", {"target": "cpu", name: text}, Means("cpu"))
    with pytest.raises(ValidationError, match="latency or pareto"):
        build("search", {"target": "cpu", "latency": "80%", "pareto": "50%..120%"}, Means("cpu"))


def test_texts_stay_values() -> None:
    line = build("search", {"target": "cpu", "latency": "80%"}, Means("cpu")).arguments
    assert "--latency=80%" in line
    assert "--resume" in line
    assert not any("None" in text or "False" in text for text in line)


def test_searches_are_scored_where_the_operator_says() -> None:
    parameters = {"target": "cpu"}
    line = build("search", parameters, Means("cpu", scorers=3, ray="10.0.0.1:6379")).arguments
    assert {"--workers=3", "--ray=10.0.0.1:6379"} < set(line)
    alone = build("search", parameters, Means("cpu")).arguments
    assert not any(text.startswith(("--ray", "--workers")) for text in alone)
    with pytest.raises(ValidationError, match="ray"):
        build("search", {**parameters, "ray": "http://evil.example"}, Means("cpu"))


@pytest.mark.parametrize(("device", "listed", "visible"), [
    ("cpu", None, ""), ("cpu", "0,1", ""), ("cuda:1", None, "1"), ("cuda:1", "4, 6", "6"),
    ("cuda:0", "GPU-8932f937,GPU-1", "GPU-8932f937"), ("cuda:2", "4,6", "-1"),
    ("cuda:0", "", "-1")])
def test_a_command_sees_its_workers_device_alone_and_not_its_token(
    device: str, listed: str | None, visible: str
) -> None:
    given = {"METRONAS_TOKEN": "mn_x", "HOME": "/root"}
    if listed is not None:
        given["CUDA_VISIBLE_DEVICES"] = listed
    made = environment(Path("job-1"), device, given)
    assert made["CUDA_VISIBLE_DEVICES"] == visible
    assert made["HOME"] == "/root"
    assert "METRONAS_TOKEN" not in made


def test_nothing_is_imported_from_a_jobs_folder(tmp_path: Path) -> None:
    for name in ("psutil", "json", "helper"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the folder')")
    asked = (sys.executable, "-m", "evolution.client", "--help")
    with Running(Command(asked), tmp_path, "cpu") as running:
        assert running.wait(60) == 0, (tmp_path / "log.txt").read_text()
    assert "upload-table" in (tmp_path / "output.txt").read_text()


def test_roles() -> None:
    assert Role.admin.may(Role.submitter)
    assert not Role.viewer.may(Role.submitter)
    assert not Role.admin.may(Role.worker)
    assert not Role.worker.may(Role.viewer)
    assert Role.worker.may(Role.anyone)


def test_a_throttle_fills_up_again_and_forgets() -> None:
    now = [0.0]
    throttle = Throttle(2, 0.5, lambda: now[0])
    assert [throttle.take("a") for _ in range(3)] == [0, 0, 2.0]
    assert throttle.take("b") == 0
    now[0] = 2.0
    assert throttle.take("a") == 0
    for number in range(20_000):
        throttle.take(f"c{number}")
    assert len(throttle._buckets) == 10_000


def test_a_server_that_comes_back_lets_leases_count_anew(tmp_path: Path) -> None:
    now = [1000.0]
    service = Service.open(settings(tmp_path), lambda: now[0])
    caller = service.local_caller()
    assert caller is not None
    assert service.local_caller() == caller
    worker, _ = service.queue.register(caller.user_id, Claim("k", "box", "cpu", "cpu", {}, "1"))
    service.queue.submit(caller.user_id, Submission("train", {}))
    assert service.queue.lease(worker, caller.user_id) is not None
    service.close()
    now[0] += 10_000
    service = Service.open(settings(tmp_path), lambda: now[0])
    assert list(service.queue.expire()) == []
    with service.database.read() as session:
        assert session.scalars(select(Lease.expires_at_s)).all() == [now[0] + 5.0]
    service.close()


def test_logs_are_lines_of_json() -> None:
    record = logging.LogRecord("a", logging.INFO, "f", 1, "said %s", ("x\ny",), None)
    record.fields = {"job": 3}
    line = JsonFormatter().format(record)
    assert "\n" not in line
    said = json.loads(line)
    assert (said["message"], said["job"], said["level"]) == ("said x\ny", 3, "info")


@pytest.mark.parametrize(("host", "expected"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
    ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("localhost.evil.example", False)])
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_paths_and_values_that_are_kept() -> None:
    assert safe_path("run/pictures/0-a.png") == "run/pictures/0-a.png"
    with pytest.raises(ServiceError):
        safe_path("run/../../x")
    check_plain({"a": [1, "b", None, 0.5, True]})
    for wrong in (float("nan"), float("-inf"), "a\x00", "\ud800", {"a\x00": 1}, 2**63,
                  [[[[[[[1]]]]]]]):
        with pytest.raises(ValueError, match=r"."):
            check_plain(wrong)


def test_what_a_killed_server_left_half_written_goes(tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    (incoming / "folder-old").mkdir(parents=True)
    for name in ("old", "new", "folder-old/model.onnx"):
        (incoming / name).write_bytes(b"torn")
    for name in ("old", "folder-old"):
        os.utime(incoming / name, (0, 0))
    BlobStore(tmp_path)
    assert [path.name for path in incoming.iterdir()] == ["new"]


def test_a_length_of_digits_that_are_no_number_is_refused(tmp_path: Path) -> None:
    """Whatever server stands before the application may let it through."""
    sent: list[Message] = []

    async def app(*_: object) -> None:
        raise AssertionError("it was let through")

    async def receive() -> Message:
        raise AssertionError("the body was asked for")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/api/v1/jobs", "headers": [(b"content-length", b"\xb2")]}
    anyio.run(BodyLimit(app, settings(tmp_path)), scope, receive, send)
    assert sent[0]["status"] == 413
