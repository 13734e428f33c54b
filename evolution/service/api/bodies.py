"""Middleware that stops bodies which are larger than their route takes."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evolution.service.api.routing import PREFIX
from evolution.service.settings import Settings

# What multipart adds around the files.
ENVELOPE_BYTES = 64 << 10


class BodyLimit:
    """Refuses by the announced length, and cuts off what grows beyond it all the same.

    Args:
        app: what comes next.
        settings: the limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        refusal = JSONResponse({"detail": f"more than {limit} bytes are not taken here"}, 413)
        announced = Headers(scope=scope).get("content-length")
        if announced is not None and (not announced.isdecimal() or int(announced) > limit):
            await refusal(scope, receive, send)
            return
        seen, answered = 0, False

        async def limited() -> Message:
            nonlocal seen, answered
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                if not answered:
                    answered = True
                    await refusal(scope, receive, send)
                raise ClientDisconnect
            return message

        async def once(message: Message) -> None:
            if not answered:
                await send(message)

        try:
            await self._app(scope, limited, once)
        except ClientDisconnect:
            if not answered:
                raise

    def _limit(self, path: str) -> int:
        if path == f"{PREFIX}/models":
            return self._settings.model_bytes + ENVELOPE_BYTES
        if path == f"{PREFIX}/tables":
            return self._settings.table_bytes + ENVELOPE_BYTES
        if path.startswith(f"{PREFIX}/blobs/"):
            return self._settings.file_bytes
        return self._settings.body_bytes
