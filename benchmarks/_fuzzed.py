"""A service in process that answers made-up requests, with something behind every route."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import hypothesis
import requests
import schemathesis
from fastapi.testclient import TestClient
from schemathesis.core.result import Err

from evolution.service.accounts import Role, add_token
from evolution.service.api.app import create_app
from evolution.service.core import Service
from evolution.service.queue.records import Claim, Submission
from evolution.service.settings import Settings
from evolution.service.store.models import Resource, User

_URL = "http://127.0.0.1"
_MANY = 1_000_000
_KINDS = ("table", "predictor", "library", "training", "run", "model")


def _whole(found: Any) -> Any:
    """A route of the document; raises the error that it has."""
    if isinstance(found, Err):
        raise found.err()
    return found.ok()


class Fuzzed:
    """A service and the routes of its OpenAPI document.

    Attributes:
        labels: the routes, such as ``GET /api/v1/jobs``.

    Args:
        folder: of the service's files; an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._service = Service.open(Settings(data=folder / "data", requests_per_s=1e9,
                                              burst=10**9))
        # Streams of jobs that nobody carries out would never end.
        self._service.stopping.set()
        self._tokens = self._fill()
        app = create_app(self._service)
        # Its failures are answers here, as they are to others.
        self._client = TestClient(app, base_url=_URL, client=("127.0.0.1", 50000),
                                  raise_server_exceptions=False)
        found = schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
        self._routes = {route.label: route for route in map(_whole, found)}
        self.labels = sorted(self._routes)

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._client.__exit__(kind, error, trace)

    def ask(self, label: str, seed: int, count: int) -> tuple[dict[str, int], dict[str, str]]:
        """Asks one route.

        Args:
            label: of the route.
            seed: other requests for another one.
            count: how many, at most: a route without parameters has few.

        Returns:
            Answers by status, and how to make each failure again.
        """
        route = self._routes[label]
        role = route.definition.raw.get("x-role", "admin")
        token = self._tokens[Role.worker if role == Role.worker else Role.admin]
        statuses: Counter[str] = Counter()
        failures: dict[str, str] = {}

        @hypothesis.seed(zlib.crc32(f"{seed} {label}".encode()))
        @hypothesis.settings(max_examples=count, deadline=None, database=None,
                             phases=[hypothesis.Phase.generate],
                             suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(case=route.as_strategy())
        def one(case: schemathesis.Case[Any]) -> None:
            asked = requests.Request(**case.as_transport_kwargs(base_url=_URL)).prepare()
            headers = {**asked.headers, "Authorization": f"Bearer {token}"}
            answer = self._client.request(asked.method or "GET", asked.url or _URL,
                                          headers=headers, content=asked.body)
            statuses[str(answer.status_code)] += 1
            if answer.status_code >= 500:
                failures.setdefault(f"{label} {answer.status_code}", case.as_curl_command())

        one()
        return dict(statuses), failures

    def _fill(self) -> dict[Role, str]:
        """Puts a little of everything in; returns the tokens."""
        service = self._service
        with service.database.write() as session:
            tokens = {role: add_token(session, role.value, role, 0.0)
                      for role in (Role.admin, Role.worker)}
            session.flush()
            people = session.query(User).all()
            for person in people:
                person.max_running = person.max_queued = _MANY
            owners = {person.name: person.id for person in people}
            for kind in _KINDS:
                file = service.settings.data / "made-up.json"
                file.write_text(json.dumps({"kind": kind}))
                sha256, size_bytes = service.blobs.put_file(file, limit_bytes=1 << 20)
                session.add(Resource(
                    kind=kind, target="cpu", key=f"a-{kind}", origin="upload", job_id=None,
                    user_id=owners["admin"], created_at_s=0.0, info={"recipe": "flownas-small"},
                    files=[{"path": name, "sha256": sha256, "size_bytes": size_bytes}
                           for name in ("result.json", "journal.jsonl", "evidence.json",
                                        "recipe.yaml", "settings.json")]))
        worker, _ = service.queue.register(
            owners["worker"], Claim("1" * 64, "box", "cpu", "cpu", {}, "1"))
        for _ in range(5):
            service.queue.submit(owners["admin"], Submission("train", {"kind": "train"}))
        service.queue.lease(worker, owners["worker"])
        return tokens
