"""Small parts of the service on their own."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from sqlalchemy import select

from evolution.service.accounts import Role
from evolution.service.api.throttle import Throttle
from evolution.service.core import Service
from evolution.service.errors import ServiceError
from evolution.service.jobs.commands import build
from evolution.service.jobs.kinds import KINDS
from evolution.service.logs import JsonFormatter
from evolution.service.paths import safe_path
from evolution.service.protocol import check_plain
from evolution.service.queue.records import Claim, Submission
from evolution.service.settings import is_loopback
from evolution.service.store.models import Lease
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
        parameters |= {"latency": "80%", "strategy": "joint", "evaluations": 3, "training": 1,
                       "accept_estimate": True}
    if kind == "estimate":
        parameters |= {"inputs": ["x:1x3"], "strict": True}
    command = build(kind, parameters, "cuda:0")
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


def test_texts_stay_values() -> None:
    line = build("search", {"target": "cpu", "latency": "80%"}, "cpu").arguments
    assert "--latency=80%" in line
    assert "--resume" in line
    assert not any("None" in text or "False" in text for text in line)


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
    assert throttle.would_wait_s("a") == 0
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
