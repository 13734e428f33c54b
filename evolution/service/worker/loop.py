"""The worker: one device, one job at a time."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evolution.service.errors import StaleLeaseError
from evolution.service.jobs.commands import Command
from evolution.service.paths import safe_path
from evolution.service.protocol import Finish, LeaseMessage, Registration, Released
from evolution.service.worker.claim import claim, key_of
from evolution.service.worker.handing import collect, last_words, resources, summary
from evolution.service.worker.link import Link, LostError, RefusedError
from evolution.service.worker.reporting import Reporter
from evolution.service.worker.running import LOG, Running
from luts.files import sha256, writable_folder

Build = Callable[[str, dict[str, Any]], Command]
_LOOK_S = 0.2
_STOPPING_S, _AWAY_S, _HEALTH_S = 15.0, 5.0, 3600.0
_KEPT_S = 14 * 86400.0
_log = logging.getLogger("metronas.worker")


class Worker:
    """Takes jobs for one device until it is stopped.

    Args:
        link: to the server.
        work: folder of its jobs; one worker at a time has it.
        registration: what it says of itself, but for `key`.
        build: from a job's kind and parameters to its command.
        health: what spoils measurements on the device, as the server shows it; asked at the start,
            and every hour while there is nothing to do.
        equipped: whether what its commands need beside the device, such as a cluster, is there.
            While it is not, no job is asked for, and one that fails is given back.

    Raises:
        UserError: another worker has the folder.
    """

    def __init__(self, link: Link, work: Path, registration: dict[str, Any], build: Build,
                 equipped: Callable[[], bool] = lambda: True,
                 health: Callable[[], list[dict[str, str]]] = list) -> None:
        # Commands run in folders below it.
        self._link, self._work, self._build = link, writable_folder(work.absolute()), build
        self._equipped, self._health = equipped, health
        self._lock = claim(work)
        self._registration = Registration(key=key_of(work), **registration)
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
        info = {**self._registration.info, "findings": self._health()}
        known = self._link.register(self._registration.model_copy(update={"info": info}),
                                    self.stopping.is_set)
        until_s = time.monotonic() + _HEALTH_S
        _log.info("registered", extra={"fields": {"worker": known.worker}})
        while not self.stopping.is_set():
            if not self._equipped():
                _log.warning("what jobs need is away; none is asked for")
                self.stopping.wait(_AWAY_S)
                continue
            asked_s = time.monotonic()
            held = self._link.lease(known.worker, self.stopping.is_set)
            if held is None and time.monotonic() > until_s:
                return
            if held is None:
                self.stopping.wait(known.poll_s)
            else:
                self._carry_out(held, asked_s)
                self._prune()

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
                self._fail(held, str(error), given_up)
                return
        self._give_back(held)
        _log.warning("given back", extra={"fields": fields})

    def _attempt(self, held: LeaseMessage, folder: Path, reporter: Reporter,
                 given_up: Callable[[], bool]) -> Finish | None:
        """Runs a job's command and sends its files; None where it is to be given back."""
        fence = held.fence
        try:
            command = self._build(held.kind, held.parameters)
        except (ValidationError, KeyError) as error:
            return Finish(fence=fence, outcome="failed", message="this worker's version does not "
                          f"know such a job ({type(error).__name__}); update the worker")
        for file in held.inputs:
            path = folder / safe_path(file.path)
            if not path.is_file() or sha256(path) != file.sha256:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._link.fetch(file.sha256, path, given_up)
        code: int | None = None
        with Running(command, folder, self._registration.device) as running:
            while code is None and not reporter.over and not self.stopping.is_set():
                code = running.wait(_LOOK_S)
        if reporter.cancelled.is_set() and not reporter.is_lost():
            return Finish(fence=fence, outcome="cancelled", message="cancelled")
        if code is None or (code not in command.good and not self._equipped()):
            return None
        return self._end(held, folder, command, code, given_up)

    def _end(self, held: LeaseMessage, folder: Path, command: Command, code: int,
             given_up: Callable[[], bool]) -> Finish:
        try:
            said = summary(folder, command) if code in command.good else None
            # Python itself ends a crash with 1, which is an answer of some commands.
            good = code == 0 or said is not None
            files = collect(folder, command)
            made = resources(folder, held) if good else []
            end = Finish(
                fence=held.fence, outcome="done" if good else "failed", files=files, made=made,
                message="" if good else last_words(folder, code), summary=said)
        except (ValueError, KeyError, OSError) as error:
            why = f"its files cannot be handed over ({type(error).__name__})"
            return Finish(fence=held.fence, outcome="failed", message=why)
        for file in files:
            self._link.send(folder / file.path, file.sha256, given_up)
        return end

    def _fail(self, held: LeaseMessage, why: str, given_up: Callable[[], bool]) -> None:
        plain = "".join(letter if letter.isprintable() else " " for letter in why)[:500]
        try:
            self._link.finish(held.lease, Finish(fence=held.fence, outcome="failed", message=plain),
                              given_up)
        except (LostError, StaleLeaseError):
            # This worker goes on with other jobs.
            _log.warning("lease lost", extra={"fields": {"job": held.job, "kind": held.kind}})

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
            # A folder's own time stands still while a long job writes into what lies in it.
            touched_s = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if time.time() - touched_s > _KEPT_S:
                shutil.rmtree(folder)
