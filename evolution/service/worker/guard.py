"""Runs a command that must not outlive its worker.

``python -m evolution.service.worker.guard LOCK -- COMMAND...`` runs the command until it ends, or
until standard input, which the worker holds open, is closed: then the command and all processes
that it started are killed, even those that left its group. So a worker that is killed by ``kill
-9`` leaves nothing running. The lock keeps a successor from starting the same job before that.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time

import psutil

_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36
_LOOK_S, _KILLING_S, _WAIT_FOR_LOCK_S = 0.05, 10.0, 30.0
LOCKED = 75
ABANDONED = 143


def _prctl(option: int, value: int) -> None:
    # Linux alone has it; elsewhere the closed input still ends the command.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _die_with_parent() -> None:
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _take_lock(path: str) -> int | None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(int(_WAIT_FOR_LOCK_S / _LOOK_S)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _abandoned(_LOOK_S):
                return None
        else:
            return handle
    return None


def _abandoned(wait_s: float) -> bool:
    """Whether the worker has closed its end."""
    readable, _, _ = select.select([sys.stdin], [], [], wait_s)
    return bool(readable) and os.read(sys.stdin.fileno(), 1) == b""


def _kill_all() -> None:
    """Kills everything below this process; orphans come back to it, as to a second init."""
    deadline = time.monotonic() + _KILLING_S
    while time.monotonic() < deadline:
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def main(arguments: list[str]) -> int:
    """Runs the command; its exit code, or 128 and the signal that killed it."""
    lock, _, *command = arguments
    _prctl(_SET_SUBREAPER, 1)
    handle = _take_lock(lock)
    if handle is None:
        return LOCKED
    # The command keeps the lock with it, in case this process is killed and it lives on. This
    # process has one thread only.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(handle,),
                             preexec_fn=_die_with_parent)  # noqa: PLW1509
    try:
        while child.poll() is None:
            if _abandoned(_LOOK_S):
                return ABANDONED
        return child.returncode if child.returncode >= 0 else 128 - child.returncode
    finally:
        _kill_all()


if __name__ == "__main__":
    # The worker decides: Ctrl-C in its terminal reaches this process too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(main(sys.argv[1:]))
