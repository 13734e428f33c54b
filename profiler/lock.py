"""One process at a time measures a device; a lock that dies with its process."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from luts.errors import UserError
from luts.files import safe_name

_POLL_S = 0.2
_LONGEST_COMMAND = 160
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class DeviceBusyError(UserError):
    """Another process measures the device; the message names it."""


@dataclass(slots=True)
class _Held:
    handle: int
    users: int


@dataclass(slots=True)
class _Process:
    """What this process holds."""

    held: dict[str, _Held] = field(default_factory=dict)
    guard: threading.RLock = field(default_factory=threading.RLock)


_process = _Process()


@contextmanager
def device_lock(device: str, *, wait_s: float = 0.0) -> Iterator[None]:
    """Keeps every other process of this user from measuring a device within the block.

    The lock is the kernel's (flock), so it ends with the process, however that ends. Within one
    process it may be taken again, by any thread.

    Args:
        device: name of what is measured, such as ``cpu``.
        wait_s: seconds to wait for another process before giving up.

    Raises:
        DeviceBusyError: another process holds it; the message says which.
        UserError: the folder of the locks cannot be used.
    """
    _take(safe_name(device, "device"), wait_s)
    try:
        yield
    finally:
        _give_back(device)


def lock_folder() -> Path:
    """Folder of the locks: one of this user alone, made when absent.

    It lies in ``$XDG_RUNTIME_DIR`` where that is a folder of this user, else in the folder for
    temporary files under a name with the user's number.

    Raises:
        UserError: something else lies in its place, or it cannot be made.
    """
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if runtime.is_absolute() and _is_mine(runtime):
        folder = runtime / "metronas"
    else:
        folder = Path(tempfile.gettempdir()) / f"metronas-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make folder '{folder}' for device locks ({error.strerror}); set "
                        "XDG_RUNTIME_DIR to a folder of your own") from None
    # In a folder that all may write to, anyone could have put a link or a folder there.
    if not _is_mine(folder):
        raise UserError(f"'{folder}' is not a folder of this user, so device locks cannot lie "
                        "there; remove it, or set XDG_RUNTIME_DIR to a folder of your own")
    return folder


def _is_mine(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _take(device: str, wait_s: float) -> None:
    with _process.guard:
        if device in _process.held:
            _process.held[device].users += 1
            return
        path = lock_folder() / f"{device}.lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            handle = os.open(path, flags, 0o600)
        except OSError as error:
            raise UserError(f"cannot open device lock '{path}' ({error.strerror})") from None
        try:
            _lock(handle, device, wait_s)
            _sign(handle)
        except BaseException:
            os.close(handle)
            raise
        _process.held[device] = _Held(handle, users=1)


def _give_back(device: str) -> None:
    with _process.guard:
        held = _process.held[device]
        held.users -= 1
        if held.users == 0:
            del _process.held[device]
            # The file stays: were it removed, two processes could lock two files of its name.
            os.ftruncate(held.handle, 0)
            os.close(held.handle)


def _lock(handle: int, device: str, wait_s: float) -> None:
    import fcntl

    until, told = time.monotonic() + wait_s, False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pass
        left_s = until - time.monotonic()
        if left_s <= 0:
            advice = (f"still so after {wait_s:g} s; try again when it has ended" if wait_s > 0
                      else "wait for its end with --wait SECONDS")
            raise DeviceBusyError(
                f"device '{device}' is being measured by {_holder(handle)}; {advice}"
            )
        if not told:
            print(f"waiting up to {wait_s:g} s for device '{device}', which is being measured by "
                  f"{_holder(handle)}", file=sys.stderr, flush=True)
            told = True
        time.sleep(min(_POLL_S, left_s))


def _sign(handle: int) -> None:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"pid": os.getpid(), "command": _command(), "started": started}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(record).encode(), 0)


def _command() -> str:
    program = sys.modules["__main__"].__spec__
    first = sys.argv[0] if program is None else f"-m {program.name}"
    return " ".join(["python", first, *sys.argv[1:]])


def _holder(handle: int) -> str:
    """Who signed the file, in words; a process may be killed, or read, before it has signed."""
    try:
        record = json.loads(os.pread(handle, 65536, 0))
        pid, command, started = int(record["pid"]), str(record["command"]), str(record["started"])
    except (ValueError, KeyError, TypeError):
        return "another process"
    shown = _UNPRINTABLE.sub(" ", command)
    if len(shown) > _LONGEST_COMMAND:
        shown = shown[: _LONGEST_COMMAND - 3] + "..."
    return f"process {pid} ({shown}) since {_UNPRINTABLE.sub(' ', started)}"


def _forget_in_child() -> None:
    """A forked child is not the holder, and must not keep the lock of a parent that was killed."""
    for held in _process.held.values():
        os.close(held.handle)
    _process.held.clear()
    # Another thread of the parent may have held it at that moment.
    _process.guard = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
