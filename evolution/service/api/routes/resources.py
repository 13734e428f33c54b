"""Tables, predictors, libraries, trainings, runs and models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Query, Request
from sqlalchemy import select

from evolution.service.accounts import Role
from evolution.service.api.params import PointNumber, ResourceId
from evolution.service.api.routing import Routes, service_of
from evolution.service.api.views import ResourceView, resource_view
from evolution.service.catalogue import find_resource, get_resource
from evolution.service.charts import MOST_RUNS, Charts, Comparison, compare, read_charts
from evolution.service.points import (
    ArchitectureView,
    RunPoints,
    read_architecture,
    read_points,
)
from evolution.service.store.blobs import BlobStore
from evolution.service.store.models import Resource, User

routes = Routes("resources")
_PLURALS = {"tables": "table", "predictors": "predictor", "libraries": "library",
            "trainings": "training", "runs": "run", "models": "model"}
_Limit = Annotated[int, Query(ge=1, le=500)]


def _lister(kind: str) -> Callable[..., list[ResourceView]]:
    def listed(request: Request, limit: _Limit = 100) -> list[ResourceView]:
        with service_of(request).database.read() as session:
            rows = session.execute(
                select(Resource, User.name).join(User, User.id == Resource.user_id)
                .where(Resource.kind == kind, Resource.removed_at_s.is_(None))
                .order_by(Resource.id.desc()).limit(limit)).tuples()
            return [resource_view(resource, user) for resource, user in rows]

    listed.__doc__ = f"Resources of kind {kind}, the newest first."
    return listed


def _getter(kind: str) -> Callable[..., ResourceView]:
    def one(request: Request, number: ResourceId) -> ResourceView:
        with service_of(request).database.read() as session:
            resource = find_resource(session, number, kind)
            return resource_view(resource, session.get_one(User, resource.user_id).name)

    one.__doc__ = (f"One resource of kind {kind}, with its provenance, which is kept when its "
                   "files are removed.")
    return one


for _plural, _kind in _PLURALS.items():
    routes.add("GET", f"/{_plural}", Role.viewer, name=f"{_plural}",
               operation_id=f"list_{_plural}")(_lister(_kind))
    routes.add("GET", f"/{_plural}/{{number}}", Role.viewer, name=_kind,
               operation_id=f"get_{_kind}")(_getter(_kind))


@routes.add("GET", "/runs/{number}/points", Role.viewer)
def points(request: Request, number: ResourceId) -> RunPoints:
    """What a run scored, its budget and its answer: what a plot needs."""
    return read_points(*_run(request, number))


@routes.add("GET", "/runs/{number}/architectures/{place}", Role.viewer)
def architecture(request: Request, number: ResourceId, place: PointNumber) -> ArchitectureView:
    """One architecture that a run scored: its choices, its latency by part, its provenance."""
    run, blobs = _run(request, number)
    return read_architecture(run, place, blobs)


@routes.add("GET", "/runs/{number}/charts", Role.viewer)
def charts(request: Request, number: ResourceId) -> Charts:
    """A run's charts, such as predictions against measurements, as Plotly figures."""
    return read_charts(*_run(request, number))


@routes.add("GET", "/comparison", Role.viewer)
def comparison(
    request: Request,
    run: Annotated[list[ResourceId], Query(max_length=MOST_RUNS, examples=[[3, 5]],
                                           description="Number of a run; two or more.")],
) -> Comparison:
    """Runs that minimise the same metric, beside each other."""
    found = [_run(request, number)[0] for number in run]
    return compare(found, service_of(request).blobs)


def _run(request: Request, number: int) -> tuple[Resource, BlobStore]:
    service = service_of(request)
    with service.database.read() as session:
        return get_resource(session, number, "run"), service.blobs


