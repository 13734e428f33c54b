"""What the service answers: refusals, and events as they come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from luts.errors import UserError


class RefusedError(UserError):
    """The service refused; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def check(answer: httpx.Response) -> None:
    """Makes sure that an answer is none that refuses.

    Raises:
        RefusedError: it is.
    """
    if answer.is_success:
        return
    answer.read()
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"status {answer.status_code}"
    raise RefusedError(f"the service refused: {detail}", answer.status_code)


def read_events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Events of a stream of type ``text/event-stream``, each once its last line has come."""
    event: dict[str, Any] = {}
    for line in lines:
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
