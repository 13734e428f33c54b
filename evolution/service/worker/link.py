"""The worker's side of the protocol: patient where the server is away, prompt where it refuses."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from evolution.service.errors import StaleLeaseError
from evolution.service.protocol import (
    Alive,
    Finish,
    Heartbeat,
    LeaseMessage,
    Registered,
    Registration,
    Released,
)
from luts.errors import UserError
from luts.files import atomic_path, sha256

_FIRST_S, _LONGEST_S, _TIMEOUT_S = 0.25, 15.0, 10.0
_PREFIX, _CHUNK_BYTES = "/api/v1", 1 << 20


def check_server(url: str) -> None:
    """Makes sure that a URL is one of a service.

    Raises:
        UserError: it is not.
    """
    if not re.fullmatch(r"https?://[^/\s?#]+/?", url):
        raise UserError(f"--server '{url}' must be such as http://queue:8080")


class LostError(Exception):
    """What was asked is of no use any more: the lease is lost or the worker is to stop."""


class RefusedError(UserError):
    """The server will not take what was sent, however often it is sent."""


class Link:
    """A connection to one server.

    Args:
        server: its URL.
        token: of role ``worker``; None where the server has no tokens.
        patience_s: seconds for which an absent server is awaited.
        transport: for tests.
    """

    def __init__(self, server: str, token: str | None, patience_s: float,
                 transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=server.rstrip("/") + _PREFIX, headers=headers,
                                  timeout=_TIMEOUT_S, transport=transport)
        self._server, self._patience_s = server, patience_s

    def register(self, said: Registration, given_up: Callable[[], bool]) -> Registered:
        """Makes the worker known."""
        answer = self._ask("POST", "/workers", given_up, json=said.model_dump())
        return Registered.model_validate(answer.json())

    def lease(self, worker: int, given_up: Callable[[], bool]) -> LeaseMessage | None:
        """The next job, if there is one.

        Raises:
            StaleLeaseError: the server does not know the worker: register again.
        """
        answer = self._ask("POST", f"/workers/{worker}/lease", given_up)
        return None if answer.status_code == 204 else LeaseMessage.model_validate(answer.json())

    def heartbeat(self, lease: int, said: Heartbeat) -> bool:
        """Reports once, without patience; whether the job is to be cancelled.

        Raises:
            StaleLeaseError: the lease is lost.
            httpx.HTTPError: the server is away.
        """
        answer = self._http.post(f"/leases/{lease}/heartbeat", json=said.model_dump())
        _check(answer)
        return Alive.model_validate(answer.json()).cancel

    def finish(self, lease: int, said: Finish, given_up: Callable[[], bool]) -> None:
        """Ends a job; see `Link.lease` for errors."""
        self._ask("POST", f"/leases/{lease}/finish", given_up, json=said.model_dump())

    def release(self, lease: int, said: Released, given_up: Callable[[], bool]) -> None:
        """Gives a job back."""
        self._ask("POST", f"/leases/{lease}/release", given_up, json=said.model_dump())

    def fetch(self, digest: str, path: Path, given_up: Callable[[], bool]) -> None:
        """Downloads a file, whole or not at all.

        Raises:
            RefusedError: the server has no such file, or the bytes that came are others.
        """
        def get() -> httpx.Response:
            with (self._http.stream("GET", f"/blobs/{digest}") as answer,
                  atomic_path(path) as temporary):
                if answer.status_code == 404:  # no sign of a lost lease: nobody would find it
                    raise RefusedError(f"the server has lost '{path.name}', which the job starts "
                                       f"from (SHA-256 {digest})")
                _check(answer)
                with temporary.open("wb") as file:
                    for chunk in answer.iter_bytes(_CHUNK_BYTES):
                        file.write(chunk)
                if sha256(temporary) != digest:
                    raise RefusedError(f"the file that the server sent is not {digest}")
                return answer

        self._patiently(get, given_up)

    def send(self, path: Path, digest: str, given_up: Callable[[], bool]) -> None:
        """Uploads a file that the server does not have yet.

        Raises:
            RefusedError: it is too large, or it changed while it was sent.
        """
        def put() -> httpx.Response:
            if self._http.head(f"/blobs/{digest}").status_code == 204:
                return httpx.Response(204)
            return self._http.put(f"/blobs/{digest}", content=_chunks(path), headers={
                "Content-Length": str(path.stat().st_size)}, timeout=httpx.Timeout(
                    _TIMEOUT_S, read=600.0))

        self._patiently(put, given_up)

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def _ask(self, method: str, path: str, given_up: Callable[[], bool], **options: Any
             ) -> httpx.Response:
        return self._patiently(lambda: self._http.request(method, path, **options), given_up)

    def _patiently(self, ask: Callable[[], httpx.Response], given_up: Callable[[], bool]
                   ) -> httpx.Response:
        """Asks until there is an answer.

        Raises:
            LostError: the caller gave it up.
            UserError: the server refused, or was away for longer than the patience lasts.
        """
        until_s, wait_s = time.monotonic() + self._patience_s, _FIRST_S
        while True:
            if given_up():
                raise LostError
            try:
                answer = ask()
                if answer.status_code < 500 and answer.status_code != 429:
                    _check(answer)
                    return answer
                reason = f"status {answer.status_code}"
            except httpx.HTTPStatusError as error:
                reason = str(error)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            if time.monotonic() > until_s:
                raise UserError(f"no answer from {self._server} for {self._patience_s:g} s "
                                f"({reason})")
            # Spread out, so that a rack of workers does not come back all at once.
            _sleep(wait_s * random.uniform(0.5, 1.0), given_up)
            wait_s = min(_LONGEST_S, 2 * wait_s)


def _sleep(seconds: float, given_up: Callable[[], bool]) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s and not given_up():
        time.sleep(min(0.1, seconds))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    if answer.status_code >= 500 or answer.status_code == 429:
        answer.raise_for_status()
    answer.read()
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    if answer.status_code in (404, 409):
        raise StaleLeaseError(detail)
    kind = UserError if answer.status_code in (401, 403) else RefusedError
    raise kind(f"the server refused {answer.request.url.path} ({answer.status_code}): {detail}")
