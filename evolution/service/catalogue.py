"""Resources: tables, predictors, libraries, trainings, runs, models; and what a job starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from evolution.bundle.choice import Choice
from evolution.service.errors import GoneError, NotFoundError, ServiceError
from evolution.service.jobs.checking import is_estimated
from evolution.service.jobs.kinds import (
    Estimate,
    Export,
    Fit,
    Library,
    Measure,
    Parameters,
    Profile,
    Search,
    Verify,
)
from evolution.service.store.models import Job, Resource
from luts.target import load_target

Inputs = list[dict[str, Any]]
TABLE, PREDICTOR, LIBRARY = "table", "predictor", "library"
TRAINING, RUN, MODEL = "training", "run", "model"
_LONGEST_CHAIN = 100


def find_resource(session: Session, number: int, kind: str) -> Resource:
    """A resource by its number, also one whose files were removed.

    Raises:
        NotFoundError: there is none of that kind.
    """
    found = session.get(Resource, number)
    if found is None or found.kind != kind:
        raise NotFoundError(f"no {kind} {number}")
    return found


def get_resource(session: Session, number: int, kind: str) -> Resource:
    """A resource by its number.

    Raises:
        NotFoundError: there is none of that kind.
        GoneError: its files were removed.
    """
    found = find_resource(session, number, kind)
    if found.removed_at_s is not None:
        raise GoneError(f"{kind} {number} was removed")
    return found


def settle(session: Session, wanted: Parameters) -> Parameters:
    """Parameters with what a request leaves to the resources that it names.

    Raises:
        NotFoundError: a run that they name is not there.
    """
    if not isinstance(wanted, Export) or wanted.point is None or wanted.training is not None:
        return wanted
    run = find_resource(session, wanted.run, RUN)
    job = None if run.job_id is None else session.get(Job, run.job_id)
    # A verified run came from another one.
    for _ in range(_LONGEST_CHAIN):
        if job is None or job.kind != "verify":
            break
        source = session.get(Resource, job.parameters["run"])
        job = None if source is None or source.job_id is None else session.get(Job, source.job_id)
    training = None if job is None else job.parameters.get("training")
    return wanted.model_copy(update={"training": training})


def plan_inputs(session: Session, wanted: Parameters) -> tuple[Inputs, str | None]:
    """What a job starts from, as of now, and which target must run it.

    Args:
        session: reads the resources.
        wanted: checked parameters.

    Returns:
        Inputs as `Submission` has them, and the target; None where any device will do.

    Raises:
        NotFoundError: a resource that the parameters name is not there.
        ServiceError: nothing fits; the message says what to submit first.
    """
    if isinstance(wanted, Profile | Library):
        return [], wanted.target
    if isinstance(wanted, Fit):
        return [_placed_table(_table(session, wanted, wanted.table))], None
    if isinstance(wanted, Search):
        return _for_search(session, wanted)
    if isinstance(wanted, Verify):
        run = get_resource(session, wanted.run, RUN)
        return [_placed(run, "run")], run.target
    if isinstance(wanted, Export):
        return _for_export(session, wanted)
    if isinstance(wanted, Measure):
        return [_placed(get_resource(session, wanted.model, MODEL), "model")], wanted.target
    if isinstance(wanted, Estimate):
        model = _placed(get_resource(session, wanted.model, MODEL), "model")
        return [model, *_libraries(session, wanted)], None
    return [], None


def newest(session: Session, kind: str, target: str, **info: object) -> Sequence[Resource]:
    """Resources of a target whose provenance says so, the newest first."""
    rows = session.scalars(select(Resource).where(
        Resource.kind == kind, Resource.target == target, Resource.removed_at_s.is_(None)
    ).order_by(Resource.id.desc()))
    return [row for row in rows if all(row.info.get(k) == v for k, v in info.items())]


def _for_search(session: Session, wanted: Search) -> tuple[Inputs, str | None]:
    inputs: Inputs = []
    if wanted.training is not None:
        inputs.append(_placed(get_resource(session, wanted.training, TRAINING), "weights"))
    if not newest(session, TABLE, wanted.target, recipe=wanted.recipe) and is_estimated(
            wanted.target, wanted.threads, accept=wanted.accept_estimate):
        # The command itself estimates the table.
        return inputs, None
    table = _table(session, wanted, None)
    fitted = newest(session, PREDICTOR, wanted.target, table=table.id)
    if not fitted:
        raise ServiceError(f"no predictor of table {table.id} ({table.key} on {table.target}); "
                           "submit a 'fit' job first")
    place = f"tables/{table.target}/{table.key}/predictor"
    return [*inputs, _placed_table(table), _placed(fitted[0], place)], wanted.target


def _for_export(session: Session, wanted: Export) -> tuple[Inputs, str | None]:
    run = get_resource(session, wanted.run, RUN)
    Choice(wanted.format, wanted.precision).check(load_target(run.target))
    inputs = [_placed(run, "run")]
    if wanted.training is not None:
        if wanted.point is None:
            raise ServiceError(f"training {wanted.training} goes with a point; the winner's "
                               "weights lie in the run")
        inputs.append(_placed(get_resource(session, wanted.training, TRAINING), "weights"))
    # The full TensorRT builds on the GPU itself.
    return inputs, run.target if wanted.format == "tensorrt" else None


def _table(session: Session, wanted: Fit | Search, number: int | None) -> Resource:
    if number is not None:
        table = get_resource(session, number, TABLE)
        said = (table.target, table.info.get("recipe"), table.info.get("threads"))
        if said != (wanted.target, wanted.recipe, wanted.threads):
            raise ServiceError(f"table {number} is of '{said[1]}' on '{said[0]}' with {said[2]} "
                               "threads; give those, or another table")
        return table
    found = newest(session, TABLE, wanted.target, recipe=wanted.recipe, threads=wanted.threads,
                   precision="fp32", batch=1)
    order = load_target(wanted.target).runtimes
    known = [table for table in found if table.info.get("runtime") in order]
    if not known:
        raise ServiceError(f"no table of '{wanted.recipe}' on '{wanted.target}' with "
                           f"{wanted.threads} threads; submit a 'profile' job, or upload a table")
    # The first of a runtime is its newest.
    return min(known, key=lambda table: order.index(table.info["runtime"]))


def _libraries(session: Session, wanted: Estimate) -> Inputs:
    found = newest(session, LIBRARY, wanted.target, threads=wanted.threads,
                   precision=wanted.precision)
    if found:
        return [_placed_table(found[0])]
    if load_target(wanted.target).kind == "cpu":
        raise ServiceError(f"no library of '{wanted.target}' with {wanted.threads} threads and "
                           f"{wanted.precision}; submit a 'library' job first")
    return []


def _placed_table(table: Resource) -> dict[str, Any]:
    return _placed(table, f"tables/{table.target}/{table.key}")


def _placed(resource: Resource, place: str) -> dict[str, Any]:
    return {"resource": resource.id, "kind": resource.kind, "place": place}
