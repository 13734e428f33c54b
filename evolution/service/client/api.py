"""`Client`: the service from Python."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx

from luts.errors import UserError
from luts.files import atomic_path, sha256

_PREFIX, _TIMEOUT_S, _TRIES = "/api/v1", 30.0, 6
TABLE_FILES = ("table.json", "table.parquet", "networks.parquet")
Json = dict[str, Any]


class RefusedError(UserError):
    """The service refused; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """A service, by its URL.

    Requests, but for uploads, are repeated a few times where the server is away; submissions carry
    an idempotency key.

    Args:
        server: such as ``http://127.0.0.1:8080``.
        token: an API token; None where the service has none.
        transport: for tests.
    """

    def __init__(self, server: str, token: str | None = None,
                 transport: httpx.BaseTransport | None = None) -> None:
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
            with (self._http.stream("GET", f"{_PREFIX}/artifacts/{artifact['id']}") as answer,
                  atomic_path(path) as temporary):
                _check(answer)
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

    def _upload(self, place: str, files: dict[str, Path]) -> Json:
        with ExitStack() as stack:
            opened = {name: (path.name, stack.enter_context(path.open("rb")))
                      for name, path in files.items()}
            answer = self._http.post(_PREFIX + place, files=opened, timeout=600.0)
        _check(answer)
        made: Json = answer.json()
        return made

    def _events(self, number: int, after: int) -> Iterator[Json]:
        with self._http.stream("GET", f"{_PREFIX}/jobs/{number}/events", params={"after": after},
                               timeout=httpx.Timeout(_TIMEOUT_S, read=60.0)) as answer:
            _check(answer)
            event: Json = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line == "" and event:
                    yield event
                    event = {}
                elif name == "id":
                    event["id"] = int(value)
                elif name == "event":
                    event["event"] = value
                elif name == "data":
                    event["data"] = json.loads(value)

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
        _check(answer)
        return answer


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    answer.read()
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"status {answer.status_code}"
    raise RefusedError(f"the service refused: {detail}", answer.status_code)
