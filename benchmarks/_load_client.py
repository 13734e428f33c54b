"""Clients that submit and poll, and what each of their requests took."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import httpx

from evolution.client import Client
from luts.errors import UserError


@dataclass
class Taken:
    """What clients met with.

    Attributes:
        ms: of each request, until its answer was there.
        errors: requests without an answer, with one of 429 or from 500 on, and whatever a client
            gave up; a client that tries again, and succeeds, hides none.
        jobs: numbers of the jobs that were submitted.
    """

    ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)


class Watched(httpx.HTTPTransport):
    """Notes every request as it goes over the wire."""

    def __init__(self, taken: Taken) -> None:
        super().__init__()
        self._taken = taken

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.HTTPTransport`."""
        began_s = time.perf_counter()
        try:
            answer = super().handle_request(request)
            answer.read()
        except httpx.TransportError as error:
            self._taken.errors.append(f"{request.method} {request.url.path}: {error!r}")
            raise
        self._taken.ms.append(1000 * (time.perf_counter() - began_s))
        if answer.status_code == 429 or answer.status_code >= 500:
            self._taken.errors.append(f"{request.method} {request.url.path}: {answer.status_code}")
        return answer


def keep_asking(url: str, until_s: float, pause_s: float, taken: Taken) -> None:
    """Submits a toy job and polls it until it has ended, again and again.

    Args:
        url: of the service.
        until_s: `time.monotonic` at which it stops.
        pause_s: seconds between polls.
        taken: what is noted.
    """
    with Client(url, transport=Watched(taken)) as client:
        while time.monotonic() < until_s:
            try:
                job = client.submit("train", steps=1, seed=0)
                taken.jobs.append(job["id"])
                while job["state"] in ("queued", "running") and time.monotonic() < until_s:
                    time.sleep(pause_s)
                    job = client.job(job["id"])
            except UserError as error:
                taken.errors.append(str(error))
                time.sleep(pause_s)


def start(count: int, url: str, until_s: float, pause_s: float, taken: Taken
          ) -> list[threading.Thread]:
    """So many clients at once; see `keep_asking`."""
    threads = [threading.Thread(target=keep_asking, args=(url, until_s, pause_s, taken))
               for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads
