"""Many workers at once, some of which die: no device and no job is ever held twice."""

from __future__ import annotations

import itertools
import random
import threading
from collections import defaultdict

import pytest
from sqlalchemy import select

from evolution.service.errors import StaleLeaseError
from evolution.service.queue import Limits, Queue
from evolution.service.queue.records import Claim, Handover, Progress, Submission
from evolution.service.store.database import Database
from evolution.service.store.models import Job, Lease

JOBS, DEVICES, WORKERS_EACH = 24, 3, 3


class Ticking:
    """A clock that moves a little at each look, for all threads alike."""

    def __init__(self) -> None:
        self._now_s, self._guard = 1e6, threading.Lock()

    def __call__(self) -> float:
        with self._guard:
            self._now_s += 0.01
            return self._now_s


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_held_twice(database: Database, users: dict[str, int], seed: int) -> None:
    # An expired lease, by the ticking clock, is common at this length.
    queue = Queue(database, Limits(lease_s=0.5, attempts=10**6, affinity_s=0.1), Ticking())
    finished: dict[int, list[str]] = defaultdict(list)
    guard, errors = threading.Lock(), list[BaseException]()
    for number in range(JOBS):
        owner = users["ann" if number % 2 else "bob"]
        queue.submit(owner, Submission("fit", {"n": number}, priority=number % 3))

    def work(device: int, number: int) -> None:
        dice = random.Random(f"{seed} {device} {number}")
        claim = Claim(f"{device} {number}", "box", f"cuda:{device}", "cpu", {}, "1")
        worker, _ = queue.register(users["rack"], claim)
        for _ in range(4000):
            with database.read() as session:
                if session.scalar(select(Job.id).where(Job.state.in_(["queued", "running"]))
                                  .limit(1)) is None:
                    return
            leased = queue.lease(worker, users["rack"])
            if leased is None:
                continue
            held = (leased.lease_id, leased.fence, users["rack"])
            fate = dice.choice(["finish", "finish", "die", "stall", "release"])
            try:
                for step in range(dice.randrange(3)):
                    queue.heartbeat(*held, Progress(((step, "x"),), step, 3))
                if fate == "stall":
                    for _ in range(80):
                        queue.clock()
                if fate in ("finish", "stall"):
                    queue.finish(*held, Handover("done"))
                    with guard:
                        finished[leased.job_id].append(fate)
                elif fate == "release":
                    queue.release(*held)
            except StaleLeaseError:
                continue

    def guarded(device: int, number: int) -> None:
        try:
            work(device, number)
        except BaseException as error:  # noqa: BLE001 (shown by the test itself)
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(device, number))
               for device in range(DEVICES) for number in range(WORKERS_EACH)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(finished) == sorted(range(min(finished), min(finished) + JOBS))
    assert all(len(times) == 1 for times in finished.values())
    with database.read() as session:
        leases = session.scalars(select(Lease).order_by(Lease.id)).all()
        assert {job.state for job in session.scalars(select(Job))} == {"done"}
    assert {lease.outcome for lease in leases} >= {"done", "expired", "released"}
    for held_by in ("device_id", "job_id"):
        _assert_apart(leases, held_by)
    by_device = defaultdict(list)
    for lease in leases:
        by_device[lease.device_id].append(lease.fence)
    for fences in by_device.values():
        assert fences == list(range(1, len(fences) + 1))


def _assert_apart(leases: list[Lease], what: str) -> None:
    spans = defaultdict(list)
    for lease in leases:
        assert lease.ended_at_s is not None
        spans[getattr(lease, what)].append((lease.started_at_s, lease.ended_at_s))
    for held in spans.values():
        held.sort()
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(held))
