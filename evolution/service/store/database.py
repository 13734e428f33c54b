"""The database: SQLite or PostgreSQL by URL, migrated, one writing transaction at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, text, update
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from evolution.service.store.models import Gate
from luts.errors import UserError

_BUSY_S = 30.0
# Any fixed number: servers that start together migrate one after the other.
_MIGRATION_LOCK = 7_426_110


class Database:
    """Sessions on one database.

    Args:
        url: such as ``sqlite:////var/lib/metronas/service.sqlite3`` or
            ``postgresql+psycopg://user@host/metronas``.

    Raises:
        UserError: it is no URL of a database that is known here.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that changes something; committed when the block succeeds.

        Writers come one at a time, on PostgreSQL too: what the queue decides depends on several
        rows (free devices, quotas, fair shares), and a lock on one row before all others makes
        every decision see a settled state and rules deadlocks out.
        """
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.execute(update(Gate).where(Gate.id == 1).values(passed=Gate.passed + 1))
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; it never waits for writers."""
        with (self.engine.connect().execution_options(reading=True) as connection,
              Session(connection, expire_on_commit=False) as session):
            yield session

    def migrate(self) -> None:
        """Brings the tables to this version.

        Raises:
            UserError: the database cannot be reached or was written by a later version.
        """
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", "evolution.service.store:migrations")
        try:
            with self.engine.begin() as connection:
                if not self.is_sqlite:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            raise UserError(
                f"the database was written by another version ({error}); use that one") from None
        except OperationalError as error:
            shown = self.engine.url.render_as_string(hide_password=True)
            raise UserError(f"cannot use database '{shown}': {error.orig}") from None

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def sqlite_url(path: Path) -> str:
    """URL of a database in a file."""
    return f"sqlite:///{path.absolute()}"


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = create_engine(parsed, connect_args={"timeout": _BUSY_S}, pool_size=20,
                                   max_overflow=30)
            _prepare_sqlite(engine)
            return engine
        if parsed.get_backend_name() == "postgresql":
            return create_engine(parsed, pool_size=20, max_overflow=30, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise UserError(f"--database '{url}' is no database URL ({error}); give "
                        "sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME") from None
    except ModuleNotFoundError as error:
        raise UserError(f"--database '{url}' needs the package '{error.name}'; install "
                        "metronas[postgres]") from None
    raise UserError(f"--database '{parsed.render_as_string()}': give sqlite:///FILE or "
                    "postgresql+psycopg://USER@HOST/NAME")


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(raw: Any, _: Any) -> None:
        # Transactions begin where we say so, not where the driver guesses.
        raw.isolation_level = None
        # Every connection has a cache of its own, KiB where negative; the system's serves them all.
        for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                        "cache_size=-256"):
            raw.execute(f"PRAGMA {setting}").close()

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        reading = connection.get_execution_options().get("reading", False)
        # A lock taken late could find the database changed since it was read.
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
