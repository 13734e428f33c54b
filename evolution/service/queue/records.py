"""What goes into the queue and comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
ENDED = (DONE, FAILED, CANCELLED)
# How a lease ends other than with its job.
EXPIRED, RELEASED = "expired", "released"


@dataclass(frozen=True)
class Limits:
    """How long and how often.

    Attributes:
        lease_s: seconds after which a silent worker loses its job.
        attempts: leases of one job that may expire before it fails.
        affinity_s: seconds that a job waits, after a lost lease, for the device that has its
            journal.
        share_window_s: how far back fair shares look.
        events: lines of the log and steps of progress that are kept of one job.
    """

    lease_s: float = 60.0
    attempts: int = 5
    affinity_s: float = 120.0
    share_window_s: float = 86400.0
    events: int = 20_000


@dataclass(frozen=True)
class Submission:
    """A job that is asked for.

    Attributes:
        kind: such as ``search``.
        parameters: checked parameters of that kind.
        inputs: resources that it starts from: ``{"resource": number, "place": folder}``.
        run_on: target of the device that must run it; None: any device.
        priority: 0 to 9; the higher goes first.
        idempotency_key: the same key of the same user gives the same job.
    """

    kind: str
    parameters: dict[str, Any]
    inputs: list[dict[str, Any]] = field(default_factory=list)
    run_on: str | None = None
    priority: int = 5
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Claim:
    """What a worker says of itself.

    Attributes:
        key: a secret that it keeps across restarts.
        machine: name of the machine.
        device: name of the device there, such as ``cpu`` or ``cuda:0``.
        target: target that the device is.
        info: health and identity of the device, for people.
        version: version of the package.
    """

    key: str
    machine: str
    device: str
    target: str
    info: dict[str, Any]
    version: str


@dataclass(frozen=True)
class Leased:
    """A job in a worker's hands.

    Attributes:
        lease_id: number of the lease.
        fence: number of this lease among those of its device; only it can finish the job.
        lease_s: seconds until the lease ends without a heartbeat.
        job_id: number of the job.
        kind: its kind.
        parameters: its parameters.
        inputs: its inputs.
        attempt: how often it was begun, this time included.
    """

    lease_id: int
    fence: int
    lease_s: float
    job_id: int
    kind: str
    parameters: dict[str, Any]
    inputs: list[dict[str, Any]]
    attempt: int


@dataclass(frozen=True)
class Progress:
    """What happened since the last heartbeat.

    Attributes:
        events: lines of the log; each has a ``number``, counted within the lease, so that a
            repeated report adds nothing.
        done: units of work done, or None.
        total: units of work in all, or None.
    """

    events: tuple[tuple[int, str], ...] = ()
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class File:
    """A file of a job or a resource; its bytes lie in the blob store."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Made:
    """A resource that a job made.

    Attributes:
        kind: table, predictor, library, training or run.
        target: target that it is for; empty for a training.
        key: folder name of a table, else what tells it apart.
        info: its provenance.
        root: folder of the job that its files lie in.
    """

    kind: str
    target: str
    key: str
    info: dict[str, Any]
    root: str


@dataclass(frozen=True)
class Handover:
    """What a worker hands over at the end.

    Attributes:
        outcome: how the job ended.
        message: why it failed, or what a person should know.
        files: everything that is kept.
        made: resources among them.
        summary: figures for lists.
    """

    outcome: Literal["done", "failed", "cancelled"]
    message: str = ""
    files: tuple[File, ...] = ()
    made: tuple[Made, ...] = ()
    summary: dict[str, Any] | None = None
