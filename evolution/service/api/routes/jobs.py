"""Jobs: asked for, listed, followed, cancelled."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Body, Header, Query, Request, Response
from sqlalchemy import ColumnElement, select

from evolution.service.accounts import Role
from evolution.service.api.params import JobId
from evolution.service.api.routing import PREFIX, Routes, audit, caller_of, service_of
from evolution.service.api.views import ArtifactView, JobView, artifact_view, job_view
from evolution.service.catalogue import plan_inputs, settle
from evolution.service.errors import ForbiddenError, NotFoundError
from evolution.service.jobs.kinds import AnyJob, Estimate, Measure, Parameters, Search
from evolution.service.queue.records import Submission
from evolution.service.queue.submitting import find_known
from evolution.service.store.models import Artifact, Device, Job, Lease, User
from evolution.service.upkeep.removing import check_kept, remove_files

routes = Routes("jobs")
_Key = Annotated[str | None, Header(pattern=r"^[A-Za-z0-9._:-]{1,100}$",
                                    description="The same key gives the same job again.")]
_Priority = Annotated[int, Query(ge=0, le=9, description="Above 5 only for admins.")]
_EXAMPLES = {
    "search": {"summary": "Search", "value": {"kind": "search", "target": "cpu",
                                              "latency": "80%"}},
    "profile": {"summary": "Measure a table", "value": {"kind": "profile", "target": "cpu"}},
    "fit": {"summary": "Fit its predictor", "value": {"kind": "fit", "target": "cpu"}},
    "estimate": {"summary": "Estimate a model", "value": {"kind": "estimate", "target": "cpu",
                                                          "model": 7}},
    "export": {"summary": "Hand over an architecture of a run",
               "value": {"kind": "export", "run": 12, "point": 17}},
}
_CREATED: dict[int | str, dict[str, Any]] = {
    200: {"description": "This key was used before; the job that it made", "model": JobView}}
_ORDER = {"oldest": Job.id.asc(), "newest": Job.id.desc()}


@routes.add("POST", "/jobs", Role.submitter, status_code=201, responses=_CREATED)
def submit(
    request: Request, response: Response,
    wanted: Annotated[AnyJob, Body(openapi_examples=_EXAMPLES)],  # type: ignore[arg-type]
    priority: _Priority = 5, idempotency_key: _Key = None,
) -> JobView:
    """Puts a job into the queue."""
    return _submit(request, response, wanted, priority, idempotency_key)


@routes.add("POST", "/searches", Role.submitter, status_code=201, responses=_CREATED)
def submit_search(
    request: Request, response: Response,
    wanted: Annotated[Search, Body(examples=[_EXAMPLES["search"]["value"]])],
    priority: _Priority = 5, idempotency_key: _Key = None,
) -> JobView:
    """Puts a search into the queue."""
    return _submit(request, response, wanted, priority, idempotency_key)


@routes.add("POST", "/measurements", Role.submitter, status_code=201, responses=_CREATED)
def submit_measurement(
    request: Request, response: Response,
    wanted: Annotated[Measure | Estimate, Body(discriminator="kind",
                                               examples=[_EXAMPLES["estimate"]["value"]])],
    priority: _Priority = 5, idempotency_key: _Key = None,
) -> JobView:
    """Puts the measurement or the estimate of an uploaded model into the queue."""
    return _submit(request, response, wanted, priority, idempotency_key)


@routes.add("GET", "/jobs", Role.viewer)
def jobs(
    request: Request,
    state: Literal["queued", "running", "done", "failed", "cancelled"] | None = None,
    kind: Annotated[str | None, Query(pattern="^[a-z]{1,20}$")] = None,
    order: Literal["oldest", "newest"] = "newest",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int, Query(ge=1, le=2**31 - 1, description="Only older jobs.")] = 2**31 - 1,
    summary: Annotated[bool, Query(description="With the figures of finished jobs.")] = True,
) -> list[JobView]:
    """Jobs of everybody."""
    wanted = [Job.id < before]
    if state is not None:
        wanted.append(Job.state == state)
    if kind is not None:
        wanted.append(Job.kind == kind)
    found = _views(request, *wanted, order=order, limit=limit)
    return found if summary else [one.model_copy(update={"summary": None}) for one in found]


@routes.add("GET", "/searches", Role.viewer)
def searches(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[JobView]:
    """Searches of everybody, the newest first."""
    return _views(request, Job.kind == "search", limit=limit)


@routes.add("GET", "/measurements", Role.viewer)
def measurements(
    request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[JobView]:
    """Measurements and estimates of uploaded models, the newest first."""
    return _views(request, Job.kind.in_(["measure", "estimate"]), limit=limit)


@routes.add("GET", "/jobs/{job_id}", Role.viewer)
def job(request: Request, job_id: JobId) -> JobView:
    """One job."""
    found = _views(request, Job.id == job_id)
    if not found:
        raise NotFoundError(f"no job {job_id}")
    return found[0]


@routes.add("POST", "/jobs/{job_id}/cancel", Role.submitter)
def cancel(request: Request, job_id: JobId) -> JobView:
    """Cancels a job of one's own; admins cancel any."""
    caller = caller_of(request)
    owner = None if caller.sees_all else caller.user_id
    service_of(request).queue.cancel(job_id, owner_id=owner)
    audit(request, "cancel", f"job {job_id}")
    return job(request, job_id)


@routes.add("GET", "/jobs/{job_id}/artifacts", Role.viewer)
def artifacts(request: Request, job_id: JobId) -> list[ArtifactView]:
    """Files that a job handed over."""
    with service_of(request).database.read() as session:
        job = session.get(Job, job_id)
        if job is None:
            raise NotFoundError(f"no job {job_id}")
        check_kept(job)
        found = session.scalars(
            select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.path))
        return [artifact_view(artifact) for artifact in found]


@routes.add("DELETE", "/jobs/{job_id}/artifacts", Role.submitter, status_code=204)
def delete_files(request: Request, job_id: JobId) -> None:
    """Removes files and log of an ended job of one's own; admins remove anybody's.

    Resources that it made go with them, unless a job that has not ended starts from one.
    """
    service, caller = service_of(request), caller_of(request)
    owner = None if caller.sees_all else caller.user_id
    with service.database.write() as session:
        removed = remove_files(session, job_id, owner, service.clock())
    audit(request, "remove files", f"job {job_id}", removed.as_json())


def _views(request: Request, *wanted: ColumnElement[bool], order: str = "newest",
           limit: int = 1) -> list[JobView]:
    """Jobs as they are shown."""
    with service_of(request).database.read() as session:
        rows = session.execute(
            select(Job, User.name).join(User, User.id == Job.user_id).where(*wanted)
            .order_by(_ORDER[order]).limit(limit)).tuples().all()
        places = {job_id: f"{machine}/{name}" for job_id, machine, name in session.execute(
            select(Lease.job_id, Device.machine, Device.name)
            .join(Device, Device.id == Lease.device_id).where(Lease.ended_at_s.is_(None)))}
        return [job_view(job, user, places.get(job.id)) for job, user in rows]


def _submit(request: Request, response: Response, wanted: Parameters, priority: int,
            key: str | None) -> JobView:
    service, caller = service_of(request), caller_of(request)
    if priority > 5 and not caller.sees_all:
        raise ForbiddenError(f"priority {priority} is for admins; give 0 to 5")
    with service.database.read() as session:
        wanted = settle(session, wanted)
        known = find_known(session, caller.user_id, key)
        # What is the newest may have changed since the first time.
        inputs, run_on = ((known.inputs, known.run_on) if known is not None
                          else plan_inputs(session, wanted))
    parameters = wanted.model_dump(mode="json")
    kind = parameters.pop("kind")
    submission = Submission(kind, parameters, inputs, run_on, priority, key)
    made, new = service.queue.submit(caller.user_id, submission)
    response.headers["Location"] = f"{PREFIX}/jobs/{made.id}"
    if new:
        audit(request, "submit", f"job {made.id}", {"kind": kind})
    else:
        response.status_code = 200
    return job(request, made.id)
