"""Whether it lives, whether it can work, and figures for Prometheus."""

from __future__ import annotations

from fastapi import HTTPException, Request, Response
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from evolution.service.accounts import Role
from evolution.service.api.routing import Routes, service_of
from evolution.service.store.models import Gate
from luts.errors import UserError
from luts.files import writable_folder

routes = Routes("health", prefix="")


@routes.add("GET", "/health", Role.anyone, example={"status": "alive"})
def health() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@routes.add("GET", "/ready", Role.anyone, example={"status": "ready"},
            responses={503: {"description": "The database or the disk cannot be used"}})
def ready(request: Request) -> dict[str, str]:
    """Database and disk can be used."""
    service = service_of(request)
    try:
        with service.database.read() as session:
            session.scalar(select(Gate.passed))
        writable_folder(service.settings.data)
        full = service.free_bytes() < service.settings.room_bytes
    except (SQLAlchemyError, UserError):
        raise HTTPException(503, "the database or the disk cannot be used") from None
    if full:
        raise HTTPException(503, "the disk is full")
    return {"status": "ready"}


@routes.add("GET", "/metrics", Role.viewer, response_class=Response,
            responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Figures in Prometheus' format."""
    body, kind = request.app.state.metrics.render(service_of(request))
    return Response(body, media_type=kind)
