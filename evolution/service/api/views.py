"""What answers look like."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from evolution.service.store.models import Artifact, Device, Job, Lease, Resource


class View(BaseModel):
    """An answer."""

    model_config = ConfigDict(from_attributes=True)


class JobView(View):
    """A job. Times are seconds since 1970; progress is None until its command tells it."""

    id: int = Field(examples=[3])
    kind: str = Field(examples=["search"])
    state: str = Field(examples=["running"])
    user: str = Field(examples=["ann"])
    parameters: dict[str, Any]
    inputs: list[dict[str, Any]]
    run_on: str | None
    priority: int
    attempts: int
    cancel_requested: bool
    created_at_s: float
    started_at_s: float | None
    finished_at_s: float | None
    progress_done: int | None
    progress_total: int | None
    message: str
    summary: dict[str, Any] | None
    files_removed_at_s: float | None = Field(
        None, description="When its files and its log were removed; None: they are kept.")
    device: str | None = Field(None, description="Where it runs now.", examples=["box/cpu"])


class FileView(View):
    """A file within a resource, or of a job."""

    path: str = Field(examples=["run/result.json"])
    sha256: str
    size_bytes: int


class ArtifactView(FileView):
    """A file that a job handed over."""

    id: int
    job_id: int


class ResourceView(View):
    """Files that jobs start from, with their provenance in ``info``."""

    id: int
    kind: str = Field(examples=["table"])
    target: str = Field(examples=["cpu"])
    key: str = Field(examples=["flownas-small-onnxruntime-fp32-b1-t1"])
    origin: str = Field(examples=["job"])
    user: str
    job_id: int | None
    created_at_s: float
    removed_at_s: float | None = Field(None, description="When its files were removed.")
    info: dict[str, Any]
    files: list[FileView]


class DeviceView(View):
    """A device, and what runs on it."""

    id: int
    machine: str = Field(examples=["box"])
    name: str = Field(examples=["cpu"])
    target: str = Field(examples=["cpu"])
    info: dict[str, Any]
    seen_at_s: float
    alive: bool = Field(description="A worker reported within twice the length of a lease.")
    job_id: int | None
    fence: int = Field(description="How many leases it had.")


class TicketView(View):
    """Where a browser can open an artifact without a token, for a while."""

    url: str = Field(examples=["/view/12.1700000000.0123abcd"])
    expires_at_s: float


def job_view(job: Job, user: str, device: str | None = None) -> JobView:
    """A job as it is shown."""
    fields = {name: getattr(job, name) for name in JobView.model_fields
              if name not in ("user", "device")}
    return JobView(**fields, user=user, device=device)


def resource_view(resource: Resource, user: str) -> ResourceView:
    """A resource as it is shown."""
    fields = {name: getattr(resource, name) for name in ResourceView.model_fields
              if name != "user"}
    return ResourceView(**fields, user=user)


def artifact_view(artifact: Artifact) -> ArtifactView:
    """An artifact as it is shown."""
    return ArtifactView.model_validate(artifact)


def device_view(device: Device, lease: Lease | None, *, alive: bool) -> DeviceView:
    """A device as it is shown."""
    return DeviceView(
        id=device.id, machine=device.machine, name=device.name, target=device.target,
        info=device.info, seen_at_s=device.seen_at_s, alive=alive, fence=device.fence,
        job_id=lease.job_id if lease is not None else None)
