"""Finished toy searches among a service's resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evolution.client import Client
from evolution.conduct import conduct
from evolution.result import load_result
from evolution.service.core import Service
from evolution.service.store.models import Artifact, Job, Resource
from tests.evolution.toys import Notes, Toys


def search(folder: Path, **options: Any) -> Path:
    """A finished run of a toy search."""
    toys = Toys()
    conduct(toys.plan(folder, **{"latency": "80%", **options}), toys.accuracy, toys.stopwatch,
            Notes())
    return folder


def add_run(service: Service, folder: Path, parameters: dict[str, Any] | None = None) -> int:
    """Keeps a run as if a job had handed it over; the number of the run."""
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sha256, size_bytes = service.blobs.put_file(path, limit_bytes=1 << 30)
        files.append({"path": path.relative_to(folder).as_posix(), "sha256": sha256,
                      "size_bytes": size_bytes})
    result = load_result(folder)
    caller = service.local_caller()
    with service.database.write() as session:
        user = 1 if caller is None else caller.user_id
        job = Job(user_id=user, kind="search", parameters=parameters or {"target": "cpu"},
                  inputs=[], run_on="cpu", priority=5, state="done", request_digest="",
                  created_at_s=service.clock())
        session.add(job)
        session.flush()
        session.add_all(Artifact(job_id=job.id, path=f"run/{file['path']}", sha256=file["sha256"],
                                 size_bytes=file["size_bytes"]) for file in files)
        run = Resource(
            kind="run", target=result.target, key=f"job-{job.id}", origin="job", files=files,
            user_id=user, job_id=job.id, created_at_s=service.clock(), info={
                "recipe": result.recipe, "objective": result.objective,
                "verified": result.verified, "metrics": result.best.metrics,
                "budget_ms": result.constraint.latency_ms,
                "latency_ms": result.best.measured_latency_ms,
                "predicted_ms": result.best.predicted_latency_ms})
        session.add(run)
    return run.id


def export_jobs(client: Client) -> list[dict[str, Any]]:
    """What was asked to be handed over."""
    return [job for job in client.list("jobs") if job["kind"] == "export"]
