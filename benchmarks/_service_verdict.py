"""What became of a service's jobs: by its database, by what toy jobs noted, by their results."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sqlalchemy import select

from evolution.client import Client
from evolution.service.core import DATABASE
from evolution.service.store.database import Database, sqlite_url
from evolution.service.store.models import Event, Lease, Resource


def overlaps(data: Path) -> int:
    """How often two leases of one device, or of one job, overlapped, by a service's database."""
    database = Database(sqlite_url(data / DATABASE))
    spans = defaultdict(list)
    with database.read() as session:
        for lease in session.scalars(select(Lease)):
            ended_s = float("inf") if lease.ended_at_s is None else lease.ended_at_s
            for key in (("device", lease.device_id), ("job", lease.job_id)):
                spans[key].append((lease.started_at_s, ended_s))
    database.close()
    return sum(before[1] > after[0] for held in spans.values()
               for before, after in pairwise(sorted(held)))


def doubles(log: Path) -> tuple[int, int]:
    """Whether toy jobs ran at the same time where they must not, by what they noted themselves.

    Args:
        log: a line of time, device, job and process for each step of each job.

    Returns:
        How often two processes were at work on one device, or for one job, at the same time; and
        the number of processes that noted something.
    """
    spans: dict[tuple[str, str], dict[str, tuple[float, float]]] = defaultdict(dict)
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    for at, device, job, process in lines:
        for key in (("device", device), ("job", job)):
            began, _ = spans[key].get(f"{job} {process}", (float(at), 0.0))
            spans[key][f"{job} {process}"] = began, float(at)
    found = sum(before[1] > after[0] for held in spans.values()
                for before, after in pairwise(sorted(held.values())))
    return found, len({(job, process) for *_, job, process in lines})


def not_once(data: Path, numbers: Sequence[int]) -> list[str]:
    """Jobs that did not end exactly once by a service's database: leases, events and results."""
    database, wrong = Database(sqlite_url(data / DATABASE)), []
    with database.read() as session:
        for number in numbers:
            leases = session.scalars(select(Lease.outcome).where(Lease.job_id == number)).all()
            states = [event.data["state"] for event in session.scalars(
                select(Event).where(Event.job_id == number, Event.kind == "state"))]
            made = session.scalars(select(Resource.id).where(Resource.job_id == number)).all()
            counts = leases.count("done"), states.count("done"), len(made)
            if counts != (1, 1, 1):
                wrong.append(f"job {number}: leases, events and results of its end: {counts}")
    database.close()
    return wrong


def outcomes(data: Path) -> dict[str, int]:
    """How many leases ended in which way, by a service's database."""
    database = Database(sqlite_url(data / DATABASE))
    with database.read() as session:
        found = Counter(str(outcome) for outcome in session.scalars(select(Lease.outcome)))
    database.close()
    return dict(sorted(found.items()))


def what_is_wrong(client: Client, number: int, steps: int, folder: Path) -> str:
    """What is wrong with a job; empty where nothing is."""
    job = client.job(number)
    if job["state"] != "done":
        return f"job {number} is {job['state']}: {job['message']}"
    ends = [event for event in client.follow(number)
            if event["event"] == "state" and event["data"]["state"] == "done"]
    if len(ends) != 1:
        return f"job {number} ended {len(ends)} times"
    client.download(number, folder / f"got-{number}")
    training = folder / f"got-{number}" / "training"
    if (training / "result.txt").read_text() != f"sum {sum(range(steps))}\n":
        return f"job {number} has another result"
    if (training / "journal.txt").read_text().split() != [str(step) for step in range(steps)]:
        return f"job {number} left out or repeated a step"
    return ""


def still_running(folder: str) -> int:
    """Processes that still run in a folder."""
    import psutil

    return sum(any(folder in part for part in (*(process.info["cmdline"] or ()),
                                               process.info["cwd"] or ""))
               for process in psutil.process_iter(["cmdline", "cwd"]))
