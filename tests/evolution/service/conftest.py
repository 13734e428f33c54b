"""Databases, users and queues for the tests of the service."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolution.service.accounts import find_user
from evolution.service.queue import Limits, Queue
from evolution.service.store.database import Database, sqlite_url
from tests.evolution.service.databases import new_database, postgres_missing, postgres_server

_numbers = itertools.count()


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    reason = postgres_missing()
    if reason:
        pytest.skip(reason)
    with postgres_server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "service.sqlite3")
    return new_database(request.getfixturevalue("postgres"), f"test_{next(_numbers)}")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(database: Database, clock: Clock) -> Queue:
    return Queue(database, Limits(lease_s=10, attempts=3, affinity_s=30), clock)


@pytest.fixture
def users(database: Database) -> dict[str, int]:
    with database.write() as session:
        return {name: find_user(session, name, 0.0).id for name in ("ann", "bob", "rack")}
