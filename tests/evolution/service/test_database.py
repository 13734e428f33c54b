"""Migrations make the tables that the models describe, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text

from evolution.service.store.base import Base
from evolution.service.store.database import Database, sqlite_url
from evolution.service.store.models import Gate, User
from luts.errors import UserError


def test_migrations_and_models_agree(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_keeps_what_is_there(database: Database) -> None:
    with database.write() as session:
        session.add(User(name="ann", max_running=1, max_queued=1, created_at_s=0.0))
    database.migrate()
    with database.read() as session:
        assert session.scalars(select(User.name)).all() == ["ann"]
        assert session.scalar(select(Gate.passed)) == 1


def test_a_database_of_the_first_version_is_brought_to_this_one_and_back(url: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "evolution.service.store:migrations")
    database = Database(url)

    def move(go: Callable[[Config, str], None], version: str) -> None:
        with database.engine.begin() as connection:
            config.attributes["connection"] = connection
            go(config, version)

    move(command.upgrade, "0001")
    with database.engine.begin() as connection:
        connection.execute(text("INSERT INTO users (name, max_running, max_queued, created_at_s) "
                                "VALUES ('ann', 1, 2, 0.0)"))
    database.migrate()
    with database.read() as session:
        (user,) = session.scalars(select(User))
        assert (user.name, user.max_queued, user.max_upload_bytes) == ("ann", 2, None)
    move(command.downgrade, "0001")
    with database.engine.begin() as connection:
        assert connection.execute(text("SELECT name FROM users")).scalars().all() == ["ann"]
    database.migrate()
    database.close()


def test_a_failed_transaction_changes_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        session.add(User(name="ann", max_running=1, max_queued=1, created_at_s=0.0))
        session.flush()
        raise RuntimeError
    with database.read() as session:
        assert session.scalars(select(User)).all() == []
        assert session.scalar(select(Gate.passed)) == 0


def test_a_later_versions_database_is_refused(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.sqlite3"))
    database.migrate()
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UserError, match="another version.*9999"):
        database.migrate()


@pytest.mark.parametrize("url", ["nonsense", "mysql://u@h/d", "sqlite+nothing:///x", ""])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(UserError, match="sqlite:///FILE or postgresql"):
        Database(url)
