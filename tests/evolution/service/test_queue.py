"""The rules of the queue, one by one, on a clock that stands."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from evolution.service.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    QuotaError,
    StaleLeaseError,
)
from evolution.service.queue import Queue
from evolution.service.queue.records import (
    Claim,
    File,
    Handover,
    Leased,
    Made,
    Progress,
    Submission,
)
from evolution.service.store.models import Artifact, Event, Job, Lease, Resource, User
from tests.evolution.service.conftest import Clock

Users = dict[str, int]
DONE = Handover("done")


def fit(**changes: Any) -> Submission:
    return Submission("fit", {"target": "cpu"}, **changes)


def worker(queue: Queue, users: Users, device: str = "cpu", target: str = "cpu",
           key: str = "") -> int:
    claim = Claim(key or device, "box", device, target, {}, "1")
    return queue.register(users["rack"], claim)[0]


def take(queue: Queue, users: Users, number: int) -> Leased:
    leased = queue.lease(number, users["rack"])
    assert leased is not None
    return leased


def job(queue: Queue, number: int) -> Job:
    with queue.database.read() as session:
        return session.get_one(Job, number)


def finish(queue: Queue, users: Users, leased: Leased, handover: Handover = DONE) -> Job:
    return queue.finish(leased.lease_id, leased.fence, users["rack"], handover)


def test_a_job_goes_through(queue: Queue, users: Users) -> None:
    submitted, new = queue.submit(users["ann"], fit())
    assert (new, submitted.state) == (True, "queued")
    leased = take(queue, users, worker(queue, users))
    assert (leased.job_id, leased.kind, leased.attempt) == (submitted.id, "fit", 1)
    progress = Progress(((0, "begun"), (1, "half")), 1, 2)
    assert queue.heartbeat(leased.lease_id, leased.fence, users["rack"], progress) is False
    queue.heartbeat(leased.lease_id, leased.fence, users["rack"], progress)
    files = (File("tables/cpu/k/table.json", "a" * 64, 3), File("log.txt", "b" * 64, 1))
    made = Made("table", "cpu", "k", {"recipe": "r"}, "tables/cpu/k")
    finish(queue, users, leased, Handover("done", "", files, (made,), {"x": 1}))
    with queue.database.read() as session:
        kept = session.get_one(Job, submitted.id)
        assert (kept.state, kept.progress_done, kept.progress_total) == ("done", 1, 2)
        assert kept.summary == {"x": 1}
        assert set(session.scalars(select(Artifact.path))) == {
            "log.txt", "tables/cpu/k/table.json"}
        table = session.scalars(select(Resource)).one()
        assert table.files == [{"path": "table.json", "sha256": "a" * 64, "size_bytes": 3}]
        assert (table.user_id, table.origin, table.job_id) == (users["ann"], "job", kept.id)
        lines = session.scalars(select(Event.data).where(Event.kind == "log").order_by(Event.id))
        assert [data["line"] for data in lines] == ["begun", "half"]


def test_an_idempotency_key_gives_the_same_job(queue: Queue, users: Users) -> None:
    first, _ = queue.submit(users["ann"], fit(idempotency_key="k"))
    again, new = queue.submit(users["ann"], fit(idempotency_key="k"))
    assert (again.id, new) == (first.id, False)
    with pytest.raises(ConflictError, match="'k' belongs to job"):
        queue.submit(users["ann"], fit(idempotency_key="k", priority=1))
    other, new = queue.submit(users["bob"], fit(idempotency_key="k"))
    assert new
    assert other.id != first.id


def test_a_device_has_one_lease_at_a_time(queue: Queue, users: Users) -> None:
    for _ in range(2):
        queue.submit(users["ann"], fit())
    first, second = worker(queue, users), worker(queue, users, key="another process")
    leased = take(queue, users, first)
    assert queue.lease(first, users["rack"]) is None
    assert queue.lease(second, users["rack"]) is None
    finish(queue, users, leased)
    assert take(queue, users, second).fence == leased.fence + 1


def test_jobs_go_to_devices_of_their_target(queue: Queue, users: Users) -> None:
    queue.submit(users["ann"], fit(run_on="h200"))
    cpu, gpu = worker(queue, users), worker(queue, users, "cuda:0", "h200")
    assert queue.lease(cpu, users["rack"]) is None
    take(queue, users, gpu)


def test_an_expired_lease_gives_the_job_back_and_the_stale_result_is_refused(
    queue: Queue, users: Users, clock: Clock
) -> None:
    submitted, _ = queue.submit(users["ann"], fit())
    number = worker(queue, users)
    old = take(queue, users, number)
    clock.pass_s(9)
    queue.heartbeat(old.lease_id, old.fence, users["rack"], Progress())
    clock.pass_s(9)
    assert list(queue.expire()) == []
    clock.pass_s(1)
    assert list(queue.expire()) == [submitted.id]
    assert job(queue, submitted.id).state == "queued"
    new = take(queue, users, number)
    assert (new.attempt, new.fence) == (2, old.fence + 1)
    for attempt in (lambda: finish(queue, users, old),
                    lambda: queue.heartbeat(old.lease_id, old.fence, users["rack"], Progress()),
                    lambda: queue.release(old.lease_id, old.fence, users["rack"]),
                    lambda: queue.finish(new.lease_id, old.fence, users["rack"], DONE)):
        with pytest.raises(StaleLeaseError):
            attempt()
    assert job(queue, submitted.id).state == "running"
    finish(queue, users, new)


def test_finishing_twice_is_once_and_otherwise_is_refused(queue: Queue, users: Users) -> None:
    submitted, _ = queue.submit(users["ann"], fit())
    leased = take(queue, users, worker(queue, users))
    handover = Handover("done", files=(File("a", "a" * 64, 1),))
    finish(queue, users, leased, handover)
    assert finish(queue, users, leased, handover).id == submitted.id
    with pytest.raises(StaleLeaseError):
        finish(queue, users, leased, Handover("failed"))
    with queue.database.read() as session:
        assert len(session.scalars(select(Artifact)).all()) == 1


def test_a_job_whose_workers_die_fails_in_the_end(
    queue: Queue, users: Users, clock: Clock
) -> None:
    submitted, _ = queue.submit(users["ann"], fit())
    number = worker(queue, users)
    for _ in range(3):
        take(queue, users, number)
        clock.pass_s(10)
        queue.expire()
    ended = job(queue, submitted.id)
    assert ended.state == "failed"
    assert "silent 3 times" in ended.message


def test_a_restarted_worker_gets_its_job_back_at_once(queue: Queue, users: Users) -> None:
    submitted, _ = queue.submit(users["ann"], fit())
    number = worker(queue, users)
    old = take(queue, users, number)
    assert worker(queue, users) == number
    new = take(queue, users, number)
    assert new.job_id == submitted.id
    with pytest.raises(StaleLeaseError):
        finish(queue, users, old)
    with pytest.raises(ForbiddenError):
        queue.register(users["ann"], Claim("cpu", "box", "cpu", "cpu", {}, "1"))


def test_a_job_waits_for_the_device_that_has_its_journal(
    queue: Queue, users: Users, clock: Clock
) -> None:
    queue.submit(users["ann"], fit())
    here, there = worker(queue, users, "cuda:0"), worker(queue, users, "cuda:1")
    leased = take(queue, users, here)
    queue.release(leased.lease_id, leased.fence, users["rack"])
    assert queue.lease(there, users["rack"]) is None
    clock.pass_s(30)
    take(queue, users, there)


def test_priority_then_fair_share_then_age(queue: Queue, users: Users, clock: Clock) -> None:
    names = {}
    for user, priority in [("ann", 5), ("ann", 5), ("ann", 5), ("bob", 5), ("bob", 5), ("ann", 9)]:
        submitted, _ = queue.submit(users[user], fit(priority=priority))
        names[submitted.id] = f"{user}{submitted.id}"
    workers = [worker(queue, users, f"cuda:{index}") for index in range(3)]
    order = []
    # ann's urgent one; then bob, who has none running; then both have one, and she used 2 s.
    for number in workers:
        leased = take(queue, users, number)
        order.append(names[leased.job_id])
        clock.pass_s(1)
    assert order == ["ann6", "bob4", "bob5"]


def test_quotas(queue: Queue, users: Users) -> None:
    with queue.database.write() as session:
        user = session.get_one(User, users["ann"])
        user.max_running, user.max_queued = 1, 2
    for _ in range(2):
        queue.submit(users["ann"], fit())
    with pytest.raises(QuotaError, match="2 jobs waiting"):
        queue.submit(users["ann"], fit())
    first = take(queue, users, worker(queue, users, "cuda:0"))
    other = worker(queue, users, "cuda:1")
    assert queue.lease(other, users["rack"]) is None
    finish(queue, users, first)
    take(queue, users, other)


def test_cancelling(queue: Queue, users: Users, clock: Clock) -> None:
    waiting, _ = queue.submit(users["ann"], fit())
    with pytest.raises(ForbiddenError):
        queue.cancel(waiting.id, owner_id=users["bob"])
    with pytest.raises(NotFoundError):
        queue.cancel(99, owner_id=None)
    assert queue.cancel(waiting.id, owner_id=users["ann"]).state == "cancelled"
    with pytest.raises(ConflictError):
        queue.cancel(waiting.id, owner_id=None)
    number = worker(queue, users)
    assert queue.lease(number, users["rack"]) is None
    for ending in ("reported", "silent"):
        running, _ = queue.submit(users["ann"], fit())
        leased = take(queue, users, number)
        assert queue.cancel(running.id, owner_id=None).state == "running"
        assert queue.heartbeat(leased.lease_id, leased.fence, users["rack"], Progress()) is True
        if ending == "reported":
            finish(queue, users, leased, Handover("cancelled"))
        else:
            clock.pass_s(10)
            queue.expire()
        assert job(queue, running.id).state == "cancelled"


def test_workers_of_others_get_nothing(queue: Queue, users: Users) -> None:
    queue.submit(users["ann"], fit())
    number = worker(queue, users)
    for wrong, user in ((number, users["ann"]), (99, users["rack"])):
        with pytest.raises(NotFoundError):
            queue.lease(wrong, user)
    leased = take(queue, users, number)
    with pytest.raises(StaleLeaseError):
        queue.finish(leased.lease_id, leased.fence, users["ann"], DONE)


def test_lines_are_bounded(queue: Queue, users: Users) -> None:
    queue.limits = type(queue.limits)(events=3)
    queue.submit(users["ann"], fit())
    leased = take(queue, users, worker(queue, users))
    lines = tuple((number, "x") for number in range(10))
    queue.heartbeat(leased.lease_id, leased.fence, users["rack"], Progress(lines))
    with queue.database.read() as session:
        assert len(session.scalars(select(Event).where(Event.kind == "log")).all()) == 3
        assert len(session.scalars(select(Lease)).all()) == 1
