"""Tables of the database. Times are seconds since 1970 by the server's clock (``*_at_s``)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from evolution.service.store.base import Base

# SQLite counts up only what it calls INTEGER.
_BIG = BigInteger().with_variant(Integer, "sqlite")
_OPEN = text("ended_at_s IS NULL")


class Gate(Base):
    """One row that every writing transaction updates first, so that they come one at a time."""

    __tablename__ = "gate"
    id: Mapped[int] = mapped_column(primary_key=True)
    passed: Mapped[int] = mapped_column(_BIG)


class User(Base):
    """Somebody with tokens; quotas are per user."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    max_running: Mapped[int]
    max_queued: Mapped[int]
    # None: as many as the server's setting says.
    max_upload_bytes: Mapped[int | None] = mapped_column(_BIG)
    created_at_s: Mapped[float]


class Token(Base):
    """An API token; only the digest of its secret is kept."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(64))
    created_at_s: Mapped[float]
    revoked_at_s: Mapped[float | None]


class Device(Base):
    """What one worker at a time may use; ``fence`` counts its leases."""

    __tablename__ = "devices"
    __table_args__ = (UniqueConstraint("machine", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    machine: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(100))
    info: Mapped[dict[str, Any]]
    fence: Mapped[int] = mapped_column(default=0)
    seen_at_s: Mapped[float]


class Worker(Base):
    """A process that takes jobs for one device; ``key`` is what it proves itself by."""

    __tablename__ = "workers"
    id: Mapped[int] = mapped_column(primary_key=True)
    key_digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    version: Mapped[str] = mapped_column(String(40))
    registered_at_s: Mapped[float]
    seen_at_s: Mapped[float]


class Job(Base):
    """Work that was asked for. States: queued, running, done, failed, cancelled."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        Index("ix_jobs_waiting", "state", "user_id", "priority", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(20))
    parameters: Mapped[dict[str, Any]]
    inputs: Mapped[list[Any]]
    run_on: Mapped[str | None] = mapped_column(String(100))
    priority: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    idempotency_key: Mapped[str | None] = mapped_column(String(100))
    request_digest: Mapped[str] = mapped_column(String(64))
    created_at_s: Mapped[float]
    started_at_s: Mapped[float | None]
    finished_at_s: Mapped[float | None]
    attempts: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress_done: Mapped[int | None]
    progress_total: Mapped[int | None]
    message: Mapped[str] = mapped_column(Text, default="")
    summary: Mapped[dict[str, Any] | None]
    # Where its journal lies, and until when it waits for that place.
    last_device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"))
    prefer_until_s: Mapped[float] = mapped_column(default=0.0)
    # Its artifacts stay listed, so that it is known what they were; their bytes are gone.
    files_removed_at_s: Mapped[float | None]


class Lease(Base):
    """A worker's hold on one device and one job; the indices let neither be held twice."""

    __tablename__ = "leases"
    __table_args__ = (
        Index("uq_leases_open_device", "device_id", unique=True, sqlite_where=_OPEN,
              postgresql_where=_OPEN),
        Index("uq_leases_open_job", "job_id", unique=True, sqlite_where=_OPEN,
              postgresql_where=_OPEN),
        UniqueConstraint("device_id", "fence"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("workers.id"))
    fence: Mapped[int]
    started_at_s: Mapped[float]
    expires_at_s: Mapped[float]
    ended_at_s: Mapped[float | None]
    outcome: Mapped[str | None] = mapped_column(String(20))


class Event(Base):
    """Something that happened to a job; ``number`` is the worker's count within a lease."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("lease_id", "number"), Index("ix_events_job", "job_id", "id"))
    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    lease_id: Mapped[int | None] = mapped_column(ForeignKey("leases.id"))
    number: Mapped[int | None]
    created_at_s: Mapped[float]
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Any]]


class Artifact(Base):
    """A file that a job handed over; its bytes lie in the blob store under their digest."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("job_id", "path"),
                      Index("ix_artifacts_sha256", "sha256"))
    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    path: Mapped[str] = mapped_column(String(300))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(_BIG)


class Resource(Base):
    """Files that belong together and that jobs start from: a table, a predictor, a run, a model.

    ``files`` lists path, sha256 and size_bytes; ``origin`` is ``job`` or ``upload``. One that was
    removed stays as a row, for what was made of it names it.
    """

    __tablename__ = "resources"
    __table_args__ = (Index("ix_resources_found", "kind", "target", "key", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    target: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(200))
    info: Mapped[dict[str, Any]]
    files: Mapped[list[Any]]
    origin: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    created_at_s: Mapped[float]
    removed_at_s: Mapped[float | None]


class Audit(Base):
    """Who did what, from where."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    created_at_s: Mapped[float]
    user_name: Mapped[str] = mapped_column(String(100))
    token_id: Mapped[str | None] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]]
