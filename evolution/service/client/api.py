"""`Client`: the service from Python."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from evolution.service.client.answers import check, read_events
from luts.errors import UserError
from luts.files import atomic_path, sha256

_PREFIX, _TIMEOUT_S, _TRIES = "/api/v1", 30.0, 6
TABLE_FILES = ("table.json", "table.parquet", "networks.parquet")
Json = dict[str, Any]


class Client:
    """A service, by its URL.

    Requests, but for uploads, are repeated a few times where the server is away; submissions carry
    an idempotency key.

    Args:
        server: such as ``http://127.0.0.1:8080``.
        token: an API token; None where the service has none.
        transport: for tests.

    Raises:
        UserError: the server's URL is none.
    """

    def __init__(self, server: str, token: str | None = None,
                 transport: httpx.BaseTransport | None = None) -> None:
        if not re.match(r"https?://[^/\s]", server):
            raise UserError(f"server '{server}' must be such as http://queue:8080")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._server = server.rstrip("/")
        self._http = httpx.Client(base_url=self._server, headers=headers, timeout=_TIMEOUT_S,
                                  transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, kind: str, *, priority: int = 5, key: str | None = None,
               **parameters: Any) -> Json:
        """Submits a job.

        Args:
            kind: such as ``search``.
            priority: 0 to 9.
            key: the same key gives the same job again; None: a new one.
            parameters: of that kind; those that are None are left out.

        Raises:
            RefusedError: the service refused.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        job: Json = self._ask("POST", "/jobs", json={"kind": kind, **given},
                              params={"priority": priority},
                              headers={"Idempotency-Key": key or secrets.token_hex(16)}).json()
        return job

    def job(self, number: int) -> Json:
        """One job."""
        job: Json = self._ask("GET", f"/jobs/{number}").json()
        return job

    def list(self, what: str = "jobs", **filters: Any) -> Sequence[Json]:
        """Jobs, devices, tables, runs, ...; the newest first."""
        found: Sequence[Json] = self._ask("GET", f"/{what}", params=filters).json()
        return found

    def cancel(self, number: int) -> Json:
        """Cancels a job."""
        job: Json = self._ask("POST", f"/jobs/{number}/cancel").json()
        return job

    def follow(self, number: int, after: int = 0) -> Iterator[Json]:
        """Events of a job as they come, until it ends; goes on where a connection broke off.

        Yields:
            ``{"id": ..., "event": ..., "data": ...}``; the last one's event is ``end``.

        Raises:
            UserError: the service was away for too long.
        """
        tries = 0
        while True:
            try:
                for event in self._events(number, after):
                    tries, after = 0, event.get("id", after)
                    yield event
                    if event["event"] == "end":
                        return
            except httpx.TransportError as error:
                if tries >= _TRIES:
                    raise UserError(f"no answer from {self._server} ({error})") from None
            tries += 1
            time.sleep(min(10.0, 0.25 * 2**tries))

    def wait(self, number: int) -> Json:
        """Waits for a job's end; the job as it is then."""
        list(self.follow(number))
        return self.job(number)

    def download(self, number: int, folder: Path) -> Sequence[Path]:
        """Downloads all files of a job; each is checked, and whole or absent.

        Raises:
            UserError: a name leaves the folder, or the bytes are others than announced.
        """
        found = []
        for artifact in self._ask("GET", f"/jobs/{number}/artifacts").json():
            path = folder / artifact["path"]
            if not path.resolve().is_relative_to(folder.resolve()):
                raise UserError(f"the service names a file '{path}', outside '{folder}'")
            path.parent.mkdir(parents=True, exist_ok=True)
            with (self._reached(),
                  self._http.stream("GET", f"{_PREFIX}/artifacts/{artifact['id']}") as answer,
                  atomic_path(path) as temporary):
                check(answer)
                with temporary.open("wb") as file:
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
                if sha256(temporary) != artifact["sha256"]:
                    raise UserError(f"'{artifact['path']}' was damaged on the way; try again")
            found.append(path)
        return found

    def upload_model(self, path: Path) -> Json:
        """Uploads an ONNX model, weights inside."""
        return self._upload("/models", {"model.onnx": path})

    def upload_table(self, folder: Path) -> Json:
        """Uploads a latency table that was measured elsewhere."""
        return self._upload("/tables", {name: folder / name for name in TABLE_FILES})

    def remove(self, what: str, number: int) -> None:
        """Removes an upload, or files and log of a job that has ended.

        Args:
            what: ``models`` or ``tables`` for an upload, ``jobs`` for a job's files.
            number: of the upload, or of the job.

        Raises:
            RefusedError: it is somebody else's, still used, or not there.
        """
        place = f"/jobs/{number}/artifacts" if what == "jobs" else f"/{what}/{number}"
        self._ask("DELETE", place)

    def _upload(self, place: str, files: dict[str, Path]) -> Json:
        with self._reached(), ExitStack() as stack:
            opened = {name: (path.name, stack.enter_context(path.open("rb")))
                      for name, path in files.items()}
            answer = self._http.post(_PREFIX + place, files=opened, timeout=600.0)
        check(answer)
        made: Json = answer.json()
        return made

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """For what is asked once: a connection that breaks off is one line."""
        try:
            yield
        except httpx.TransportError as error:
            raise UserError(f"no answer from {self._server} ({error}); try again") from None

    def _events(self, number: int, after: int) -> Iterator[Json]:
        with self._http.stream("GET", f"{_PREFIX}/jobs/{number}/events", params={"after": after},
                               timeout=httpx.Timeout(_TIMEOUT_S, read=60.0)) as answer:
            check(answer)
            yield from read_events(answer.iter_lines())

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._http.request(method, _PREFIX + path, **options)
                if answer.status_code not in (502, 503, 504):
                    break
                reason = f"status {answer.status_code}"
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            if attempt == _TRIES:
                raise UserError(f"no answer from {self._server} ({reason})")
            time.sleep(0.1 * 2**attempt)
        check(answer)
        return answer
