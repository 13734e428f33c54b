"""The application: middleware, routes, and how refusals look."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import create_task_group, sleep
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from evolution.service.api.access import Access
from evolution.service.api.bodies import BodyLimit
from evolution.service.api.metrics import Metrics
from evolution.service.api.routes import (
    admin,
    artifacts,
    blobs,
    devices,
    events,
    health,
    jobs,
    known,
    pages,
    resources,
    uploads,
    workers,
)
from evolution.service.api.watch import Watch
from evolution.service.core import Service
from evolution.service.upkeep.sweeping import keep_house
from luts.errors import UserError

_ALL = (health.routes, jobs.routes, events.routes, resources.routes, uploads.routes,
        artifacts.routes, artifacts.viewing, devices.routes, known.routes, workers.routes,
        blobs.routes, admin.routes, pages.routes)
_log = logging.getLogger("metronas.service")


def create_app(service: Service) -> FastAPI:
    """The application of an open service; it closes the service when it shuts down."""
    # No pages of FastAPI's own: they load scripts from elsewhere.
    app = FastAPI(title="MetroNAS", version="1", docs_url=None, redoc_url=None, openapi_url=None,
                  lifespan=_life, description="Searches, measurements and tables of a team.")
    app.state.service, app.state.metrics = service, Metrics()
    for routes in _ALL:
        app.include_router(routes.router)
    app.add_exception_handler(UserError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, settings=service.settings)
    app.add_middleware(Access, service=service)
    app.add_middleware(Watch, metrics=app.state.metrics)
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service

    async def sweep() -> None:
        # Devices also look when they ask for jobs; this is for those that never ask again.
        while True:
            await sleep(max(0.2, service.queue.limits.lease_s / 4))
            try:
                lost = await run_sync(service.queue.expire)
            except SQLAlchemyError:
                _log.exception("leases could not be looked through")
            else:
                if lost:
                    _log.warning("leases expired", extra={"fields": {"jobs": list(lost)}})

    async def tidy() -> None:
        while True:
            try:
                await run_sync(keep_house, service)
            except (SQLAlchemyError, OSError):
                _log.exception("files could not be looked through")
            await sleep(service.settings.upkeep_s)

    async with create_task_group() as group:
        group.start_soon(sweep)
        group.start_soon(tidy)
        yield
        group.cancel_scope.cancel()
    service.close()


async def _refused(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": " ".join(str(error).split())}, getattr(error, "status", 422))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    text = "; ".join(_told(problem) for problem in error.errors()[:5])
    safe = text.encode("ascii", "backslashreplace").decode()
    return JSONResponse({"detail": safe}, 422)


def _told(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])[:200]
    what, given = str(problem["msg"])[:500].removeprefix("Value error, "), problem.get("input")
    # Repeated as ASCII and cut short: it may hold what JSON or a log cannot, such as NaN or halves
    # of characters.
    shown = "" if isinstance(given, dict | list) or problem["type"] == "value_error" else (
        f", not {ascii(given)[:80]}")
    return f"{where}: {what}{shown}"
