"""A service with tokens of every role, asked in process or over a socket."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi.testclient import TestClient

from evolution.service.accounts import Role, add_token
from evolution.service.api.app import create_app
from evolution.service.core import Service
from evolution.service.queue import Limits
from evolution.service.settings import Settings

ROLES = [role for role in Role if role is not Role.anyone]


@dataclass
class Site:
    """A service and its tokens by role.

    Attributes:
        service: the service.
        tokens: role to token; a user is named after each.
        client: asks in process.
    """

    service: Service
    tokens: dict[Role, str]
    client: TestClient

    def ask(self, method: str, path: str, role: Role | None = Role.admin, **options: Any
            ) -> httpx.Response:
        headers = {**options.pop("headers", {})}
        if role is not None:
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        return self.client.request(method, path, headers=headers, **options)


def settings(folder: Path, **changes: Any) -> Settings:
    usual: dict[str, Any] = {"requests_per_s": 1e6, "burst": 10**6, "poll_s": 0.05,
                             "limits": Limits(lease_s=5.0, affinity_s=0.0)}
    return Settings(data=folder, **{**usual, **changes})


@contextlib.contextmanager
def site(folder: Path, *, tokens: bool = True, clock: Any = time.time, **changes: Any
         ) -> Iterator[Site]:
    service = Service.open(settings(folder, **changes), clock)
    made = {}
    if tokens:
        with service.database.write() as session:
            made = {role: add_token(session, role.value, role, 0.0) for role in ROLES}
    with TestClient(create_app(service), base_url="http://127.0.0.1",
                    client=("127.0.0.1", 50000)) as client:
        yield Site(service, made, client)


@contextlib.contextmanager
def listening(service: Service, port: int = 0) -> Iterator[str]:
    """Serves over a socket of this machine; yields the URL."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    config = uvicorn.Config(create_app(service), log_config=None, access_log=False,
                            timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    for _ in range(3000):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.02)
    assert server.started
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        service.stopping.set()
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
