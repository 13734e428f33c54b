"""The worker: one device, one job at a time."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evolution.service.errors import StaleLeaseError
from evolution.service.jobs.commands import Command, build
from evolution.service.paths import safe_path
from evolution.service.protocol import Finish, LeaseMessage, Registration, Released
from evolution.service.worker.handing import collect, last_words, resources, summary
from evolution.service.worker.link import Link, LostError, RefusedError
from evolution.service.worker.reporting import Reporter
from evolution.service.worker.running import LOG, Running
from luts.errors import UserError
from luts.files import sha256, writable_folder, write_json

Build = Callable[[str, dict[str, Any], str], Command]
_LOOK_S = 0.2
_STOPPING_S = 15.0
_KEPT_S = 14 * 86400.0
_log = logging.getLogger("metronas.worker")


class Worker:
    """Takes jobs for one device until it is stopped.

    Args:
        link: to the server.
        work: folder of its jobs; one worker at a time has it.
        registration: what it says of itself; `key` is filled in from the folder.
        build: from a job to its command.

    Raises:
        UserError: another worker has the folder.
    """

    def __init__(self, link: Link, work: Path, registration: dict[str, Any],
                 build: Build = build) -> None:
        # Commands run in folders below it.
        self._link, self._work, self._build = link, writable_folder(work.absolute()), build
        self._lock = _claim(work)
        self._registration = Registration(key=_key(work), **registration)
        self.stopping = threading.Event()
        self._prune()

    def run(self) -> None:
        """Takes jobs until `stopping` is set.

        Raises:
            UserError: the server refuses this worker, or was away for too long.
        """
        try:
            while not self.stopping.is_set():
                try:
                    self._serve()
                except StaleLeaseError:
                    _log.warning("the server does not know this worker; registering again")
        except LostError:
            pass
        finally:
            os.close(self._lock)
            self._link.close()

    def _serve(self) -> None:
        known = self._link.register(self._registration, self.stopping.is_set)
        _log.info("registered", extra={"fields": {"worker": known.worker}})
        while not self.stopping.is_set():
            asked_s = time.monotonic()
            held = self._link.lease(known.worker, self.stopping.is_set)
            if held is None:
                self.stopping.wait(known.poll_s)
            else:
                self._carry_out(held, asked_s)

    def _carry_out(self, held: LeaseMessage, asked_s: float) -> None:
        folder = writable_folder(self._work / f"job-{held.job}")
        fields = {"job": held.job, "kind": held.kind, "attempt": held.attempt}
        _log.info("begun", extra={"fields": fields})
        with Reporter(self._link, held, folder / LOG, asked_s) as reporter:
            def given_up() -> bool:
                return reporter.is_lost() or self.stopping.is_set()

            try:
                end = self._attempt(held, folder, reporter, given_up)
                if end is not None:
                    reporter.flush()
                    self._link.finish(held.lease, end, given_up)
                    shutil.rmtree(folder)
                    _log.info("ended", extra={"fields": {**fields, "outcome": end.outcome,
                                                         "reason": end.message}})
                    return
            except LostError:
                pass
            except StaleLeaseError:
                _log.warning("lease lost", extra={"fields": fields})
                return
            except RefusedError as error:
                # Tried again, it would be refused again.
                end = Finish(fence=held.fence, outcome="failed", message=str(error)[:500])
                self._link.finish(held.lease, end, given_up)
                return
        self._give_back(held)
        _log.warning("given back", extra={"fields": fields})

    def _attempt(self, held: LeaseMessage, folder: Path, reporter: Reporter,
                 given_up: Callable[[], bool]) -> Finish | None:
        """Runs a job's command and sends its files; None where it is to be given back."""
        fence = held.fence
        try:
            command = self._build(held.kind, held.parameters, self._registration.device)
        except (ValidationError, KeyError) as error:
            return Finish(fence=fence, outcome="failed", message="this worker's version does not "
                          f"know such a job ({type(error).__name__}); update the worker")
        for file in held.inputs:
            path = folder / safe_path(file.path)
            if not path.is_file() or sha256(path) != file.sha256:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._link.fetch(file.sha256, path, given_up)
        code: int | None = None
        with Running(command, folder) as running:
            while code is None and not reporter.over and not self.stopping.is_set():
                code = running.wait(_LOOK_S)
        if reporter.cancelled.is_set() and not reporter.is_lost():
            return Finish(fence=fence, outcome="cancelled", message="cancelled")
        if code is None:
            return None
        return self._end(held, folder, command, code, given_up)

    def _end(self, held: LeaseMessage, folder: Path, command: Command, code: int,
             given_up: Callable[[], bool]) -> Finish:
        good = code in command.good
        try:
            files = collect(folder, command)
            made = resources(folder, held) if good else []
            said = summary(folder, command) if good else None
        except (ValueError, KeyError, OSError) as error:
            return Finish(fence=held.fence, outcome="failed",
                          message=f"its files cannot be handed over ({type(error).__name__})")
        for file in files:
            self._link.send(folder / file.path, file.sha256, given_up)
        message = "" if good else last_words(folder, code)
        return Finish(fence=held.fence, outcome="done" if good else "failed", message=message,
                      files=files, made=made, summary=said)

    def _give_back(self, held: LeaseMessage) -> None:
        until_s = time.monotonic() + _STOPPING_S

        def given_up() -> bool:
            return self.stopping.is_set() and time.monotonic() > until_s

        try:
            self._link.release(held.lease, Released(fence=held.fence), given_up)
        except (StaleLeaseError, LostError):
            return

    def _prune(self) -> None:
        """Removes what was left of jobs that ended elsewhere long ago."""
        for folder in self._work.glob("job-*"):
            if time.time() - folder.stat().st_mtime > _KEPT_S:
                shutil.rmtree(folder)


def _claim(work: Path) -> int:
    handle = os.open(work, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Whoever has the folder knows that its predecessor is dead.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(f"--work '{work}' is in use by another worker; give each its own") from None
    return handle


def _key(work: Path) -> str:
    path = work / "worker.json"
    if not path.exists():
        write_json(path, {"key": secrets.token_hex(32)})
        path.chmod(0o600)
    key: str = json.loads(path.read_text())["key"]
    return key
