"""A job's events as they come: ``text/event-stream``."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import sleep
from anyio.to_thread import run_sync
from fastapi import Header, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from evolution.service.accounts import Role
from evolution.service.api.params import JobId
from evolution.service.api.routing import Routes, caller_of, service_of
from evolution.service.core import Service
from evolution.service.errors import NotFoundError
from evolution.service.queue.records import ENDED
from evolution.service.store.models import Event, Job, Token

routes = Routes("jobs")
_LOOK_S, _ALIVE_S, _AT_ONCE = 0.5, 15.0, 500
_LAST, _REVOKED = 2**62, "revoked"
_EXAMPLE = 'id: 7\nevent: progress\ndata: {"done": 12, "total": 90, "at_s": 1700000000.0}\n\n'


@routes.add(
    "GET", "/jobs/{job_id}/events", Role.viewer, response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"example": _EXAMPLE}}}})
async def events(
    request: Request, job_id: JobId,
    after: Annotated[int, Query(ge=0, le=_LAST, description="Only later events.")] = 0,
    last_event_id: Annotated[str | None, Header(pattern="^[0-9]{1,18}$")] = None,
) -> StreamingResponse:
    """Follows a job: ``state``, ``progress`` and ``log`` events, then ``end``."""
    service = service_of(request)
    start = max(after, int(last_event_id or 0))
    token = caller_of(request).token_id
    await run_sync(_later, service, job_id, start, token)  # refuses an unknown job
    if service.streams >= service.settings.streams:
        raise HTTPException(503, "too many streams are open; ask again later")
    return StreamingResponse(
        _stream(request, service, job_id, start, token), media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _stream(request: Request, service: Service, job_id: int, last: int, token: str | None
                  ) -> AsyncIterator[str]:
    service.streams += 1
    said_s = time.monotonic()
    try:
        while not service.stopping.is_set() and not await request.is_disconnected():
            found, state = await run_sync(_later, service, job_id, last, token)
            for number, kind, data in found:
                last, said_s = number, time.monotonic()
                yield f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
            if state == _REVOKED:
                return
            if len(found) == _AT_ONCE:
                continue
            if state in ENDED:
                yield f"event: end\ndata: {json.dumps({'state': state})}\n\n"
                return
            if time.monotonic() - said_s > _ALIVE_S:
                said_s = time.monotonic()
                yield ": still here\n\n"
            await sleep(_LOOK_S)
    finally:
        service.streams -= 1


def _later(service: Service, job_id: int, last: int, token: str | None
           ) -> tuple[list[tuple[int, str, dict[str, Any]]], str]:
    """Events after a number, and the job's state, seen at one moment; none for a revoked token."""
    with service.database.read() as session:
        if token is not None and session.get_one(Token, token).revoked_at_s is not None:
            return [], _REVOKED
        job = session.get(Job, job_id)
        if job is None:
            raise NotFoundError(f"no job {job_id}")
        rows = session.scalars(select(Event).where(Event.job_id == job_id, Event.id > last)
                               .order_by(Event.id).limit(_AT_ONCE))
        return [(row.id, row.kind, {**row.data, "at_s": row.created_at_s}) for row in rows
                ], job.state
