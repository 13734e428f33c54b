"""Middleware that logs and counts every answer, and adds headers that browsers heed."""

from __future__ import annotations

import logging
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evolution.service.api.metrics import Metrics

_log = logging.getLogger("metronas.requests")
_POLICY = ("default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
           "frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
            "content-security-policy": _POLICY}


class Watch:
    """The outermost middleware.

    Args:
        app: what comes next.
        metrics: counts the answers.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status, number = 500, secrets.token_hex(8)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], (b"x-request-id", number.encode()), *(
                    (name.encode(), value.encode()) for name, value in _HEADERS.items()
                    if name.encode() not in given)]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - began_s
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.answered(scope["method"], route, status, seconds)
            caller = scope.get("caller")
            # The pattern and not the path, which may hold a ticket.
            _log.info("answered", extra={"fields": {
                "request": number, "method": scope["method"], "route": route, "status": status,
                "ms": round(seconds * 1000, 1), "user": caller.name if caller else None,
                "address": scope["client"][0] if scope.get("client") else None}})
