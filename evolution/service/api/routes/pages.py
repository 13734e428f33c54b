"""The dashboard's files, and the OpenAPI document. They hold no data, so they need no token."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any

from fastapi import Path, Request, Response

from evolution.service.accounts import Role
from evolution.service.api.routing import Routes
from evolution.service.errors import NotFoundError
from luts.pages import CHARTS

routes = Routes("dashboard", prefix="")
_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
          "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_FOLDER = files("evolution.service") / "dashboard"
_FileName = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,40}(\.min)?\.(css|js|svg)$",
                                 examples=["app.js"])]


@routes.add("GET", "/", Role.anyone, response_class=Response)
def dashboard() -> Response:
    """The dashboard."""
    return _sent("index.html")


@routes.add("GET", "/static/{name}", Role.anyone, response_class=Response)
def static(name: _FileName) -> Response:
    """A file of the dashboard."""
    if name == "plotly.min.js":
        plotly = files("plotly") / "package_data" / name
        return Response(plotly.read_bytes(), media_type=_TYPES["js"],
                        headers={"Cache-Control": "max-age=86400"})
    return _sent(name, CHARTS if name == CHARTS.name else None)


@routes.add("GET", "/openapi.json", Role.anyone)
def openapi(request: Request) -> dict[str, Any]:
    """This document."""
    document: dict[str, Any] = request.app.openapi()
    document.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"}}
    return document


def _sent(name: str, place: Traversable | None = None) -> Response:
    file = place or _FOLDER / name
    if not file.is_file():
        raise NotFoundError(f"no file '{name}'")
    return Response(file.read_bytes(), media_type=_TYPES[name.rsplit(".", 1)[-1]],
                    headers={"Cache-Control": "no-cache"})
