"""The databases that tests run on: SQLite always, PostgreSQL where one can be started."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_BINARIES = [Path("/usr/local/bin"), *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]


def postgres_missing() -> str:
    """Why no PostgreSQL can be started here; empty where one can."""
    if importlib.util.find_spec("psycopg") is None:
        return "the package psycopg is not installed"
    if _binary("initdb") is None or _binary("postgres") is None:
        return "PostgreSQL's initdb and postgres are not installed"
    if os.getuid() == 0 and _user() is None:
        return "PostgreSQL does not run as root, and there is no other user for it"
    return ""


def _binary(name: str) -> Path | None:
    found = shutil.which(name)
    places = [Path(found)] if found else []
    places += [folder / name for folder in _BINARIES if (folder / name).exists()]
    # Beside each other's libraries and shared files.
    return places[0].resolve() if places else None


def _user() -> str | None:
    import pwd

    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@contextmanager
def postgres_server() -> Iterator[str]:
    """A server of its own; yields its address without a database name."""
    user = _user()
    # Not below pytest's folders, which only their owner may enter.
    with tempfile.TemporaryDirectory(prefix="metronas-postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        if user is not None:
            shutil.chown(data, user)
        yield from _serve(data, user)


def _serve(data: Path, user: str | None) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": data}
    subprocess.run([_binary("initdb"), "-D", data, "-U", "tester", "-A", "trust", "-N",
                    "--no-locale", "-E", "UTF8"], check=True, user=user, **quiet)
    server = subprocess.Popen(
        [_binary("postgres"), "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
         "-c", f"unix_socket_directories={data}", "-c", "max_connections=200",
         # Nothing of it outlives the tests.
         "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
         "-c", "autovacuum=off"], user=user, **quiet)
    address = f"tester@127.0.0.1:{port}"
    try:
        _await_server(address, server)
        yield address
    finally:
        server.send_signal(signal.SIGQUIT)  # at once, without writing what is thrown away
        server.wait(timeout=30)


def _await_server(address: str, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    for _ in range(200):
        assert server.poll() is None, "PostgreSQL did not start"
        try:
            psycopg.connect(f"postgresql://{address}/postgres", connect_timeout=1).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("PostgreSQL did not answer")


def new_database(address: str, name: str) -> str:
    """URL of a new database on a server."""
    import psycopg

    with psycopg.connect(f"postgresql://{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://{address}/{name}"
