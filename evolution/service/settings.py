"""How a service is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from evolution.service.queue.records import Limits

_MB = 1 << 20


@dataclass(frozen=True)
class Settings:
    """How a service is started.

    Attributes:
        data: folder of its files, and of its database unless `database` names another.
        database: database URL, or None.
        host: address that it listens on.
        port: TCP port.
        limits: of the queue.
        poll_s: seconds that an idle worker waits before it asks again.
        requests_per_s: what one token, or one address without a token, may ask in the long run.
        burst: what it may ask at once.
        body_bytes: largest JSON body.
        model_bytes: largest uploaded model.
        table_bytes: largest uploaded table, all of its files together.
        file_bytes: largest file that a worker hands over.
        upload_bytes: uploads that a user may keep, where no admin said otherwise.
        keep_days: days for which files of ended jobs are kept; None: for ever.
        upkeep_s: seconds between two looks for what may be removed.
        streams: streams of events open at once.
        receiving_bytes: models and tables that are received at once, all together; they lie in the
            system's temporary folder meanwhile.
        room_bytes: room on the disk below which it is not ready.
        hosts: further names under which browsers may reach it.
    """

    data: Path
    database: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    limits: Limits = field(default_factory=Limits)
    poll_s: float = 2.0
    requests_per_s: float = 50.0
    burst: int = 200
    body_bytes: int = 1 * _MB
    model_bytes: int = 512 * _MB
    table_bytes: int = 64 * _MB
    file_bytes: int = 4096 * _MB
    upload_bytes: int = 20480 * _MB
    keep_days: float | None = None
    upkeep_s: float = 3600.0
    streams: int = 200
    receiving_bytes: int = 4096 * _MB
    room_bytes: int = 256 * _MB
    hosts: tuple[str, ...] = ()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
