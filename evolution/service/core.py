"""`Service`: everything that the routes share."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from anyio import CapacityLimiter
from sqlalchemy import select, update

from evolution.service.accounts import Caller, Role, find_user, has_tokens
from evolution.service.queue import Queue
from evolution.service.settings import Settings
from evolution.service.store.blobs import BlobStore
from evolution.service.store.database import Database, sqlite_url
from evolution.service.store.models import Audit, Lease, User
from luts.files import writable_folder

# Whose jobs they are while no token is needed.
LOCAL_USER = "local"
# Uploads that are judged at once; each may take gigabytes.
_JUDGED_AT_ONCE = 2
# SQLite's file in the data folder.
DATABASE = "service.sqlite3"


@dataclass
class Service:
    """A running service.

    Attributes:
        settings: how it was started.
        database: its rows.
        queue: its jobs.
        blobs: its files.
        clock: seconds since 1970.
        stopping: set when it shuts down, so that open streams end.
        streams: how many streams of events are open.
        receiving_bytes: size of the models and tables that are being received.
        secret: signs tickets; a new one at each start makes old tickets worthless.
        judging: how many uploads are judged at once; the others wait without a thread.
        keeping: held while an upload that was judged is kept.
    """

    settings: Settings
    database: Database
    queue: Queue
    blobs: BlobStore
    clock: Callable[[], float] = time.time
    stopping: threading.Event = field(default_factory=threading.Event)
    streams: int = 0
    receiving_bytes: int = 0
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    judging: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_JUDGED_AT_ONCE))
    keeping: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, settings: Settings, clock: Callable[[], float] = time.time) -> Service:
        """Opens the data folder and the database, and brings both to this version.

        Raises:
            UserError: one of them cannot be used.
        """
        if settings.database is None:
            writable_folder(settings.data)
        database = Database(settings.database or sqlite_url(settings.data / DATABASE))
        database.migrate()
        # After a database that may be refused, so that it leaves no folder behind.
        writable_folder(settings.data)
        service = cls(settings, database, Queue(database, settings.limits, clock),
                      BlobStore(settings.data / "files"), clock)
        service._forgive()
        return service

    def local_caller(self) -> Caller | None:
        """Who everybody is while there are no tokens; None once there are."""
        with self.database.read() as session:
            if has_tokens(session):
                return None
            user = session.scalar(select(User).where(User.name == LOCAL_USER))
        if user is None:
            with self.database.write() as session:
                user = find_user(session, LOCAL_USER, self.clock())
        return Caller(user.id, user.name, Role.admin, None, open=True)

    def audit(self, caller: Caller, address: str, action: str, subject: str,
              detail: dict[str, Any] | None = None) -> None:
        """Notes who did what."""
        with self.database.write() as session:
            session.add(Audit(
                created_at_s=self.clock(), user_name=caller.name, token_id=caller.token_id,
                address=address, action=action, subject=subject[:200], detail=detail or {}))

    def free_bytes(self) -> int:
        """Room on the disk of the data folder."""
        return shutil.disk_usage(self.settings.data).free

    def _forgive(self) -> None:
        """Workers could not report while there was no server: their leases count from now."""
        until_s = self.clock() + self.queue.limits.lease_s
        with self.database.write() as session:
            session.execute(update(Lease).where(
                Lease.ended_at_s.is_(None), Lease.expires_at_s < until_s
            ).values(expires_at_s=until_s))

    def close(self) -> None:
        """Ends streams and closes the database."""
        self.stopping.set()
        self.database.close()
