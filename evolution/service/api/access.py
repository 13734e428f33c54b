"""Middleware that settles who asks, before a byte of the body is read."""

from __future__ import annotations

from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from evolution.service.accounts import Caller, authenticate
from evolution.service.api.throttle import Throttle
from evolution.service.core import Service
from evolution.service.settings import is_loopback

# Guesses at tokens from one address: a few at once, then one in ten seconds.
_FAILURES, _FAILURES_PER_S = 20, 0.1


class Access:
    """Puts the caller into the scope, and turns away what is not to be heard.

    Args:
        app: what comes next.
        service: whose tokens count.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        settings = service.settings
        self._app, self._service = app, service
        self._requests = Throttle(settings.burst, settings.requests_per_s, service.clock)
        self._failures = Throttle(_FAILURES, _FAILURES_PER_S, service.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        address = scope["client"][0] if scope.get("client") else ""
        given = headers.get("authorization")
        scope["caller"] = None
        if not self._same_site(headers):
            return _refuse(403, "this request comes from another site's page")
        if given is None:
            caller = await run_sync(self._service.local_caller)
            # Any page that a browser shows could ask this machine under a name of its own.
            if caller is not None and self._known_host(headers):
                scope["caller"] = caller
        else:
            scope["caller"] = await run_sync(self._authenticate, given)
            if scope["caller"] is None:
                # Only wrong tokens are held up: others may share the address, behind a proxy say.
                wait_s = self._failures.take(address)
                if wait_s > 0:
                    return _refuse(429, "too many wrong tokens from this address", wait_s)
                return _refuse(401, "this token is no good")
        caller = scope["caller"]
        name = f"address {address}" if caller is None or caller.open else caller.token_id
        wait_s = self._requests.take(name)
        if wait_s > 0:
            return _refuse(429, "too many requests", wait_s)
        return None

    def _authenticate(self, given: str) -> Caller | None:
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            return None
        with self._service.database.read() as session:
            return authenticate(session, token.strip())

    def _same_site(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        try:
            return origin is None or urlsplit(origin).netloc == headers.get("host")
        except ValueError:
            return False

    def _known_host(self, headers: Headers) -> bool:
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        except ValueError:
            return False
        return is_loopback(host) or host in self._service.settings.hosts


def _refuse(status: int, detail: str, wait_s: float = 0.0) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if wait_s > 0:
        headers["Retry-After"] = str(int(wait_s) + 1)
    return JSONResponse({"detail": detail}, status, headers)
