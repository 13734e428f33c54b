"""Keeps a lease alive from a thread of its own, and tells the server what the log says."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from evolution.service.errors import StaleLeaseError
from evolution.service.protocol import Heartbeat, LeaseMessage
from evolution.service.worker.link import Link
from luts.errors import UserError

_COUNT = re.compile(r"\b(\d{1,9})(?:/| of )(\d{1,9})\b")
_UNPRINTABLE = re.compile(r"[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]")
_LONGEST_LINE, _LINES = 500, 200
_OFTEN_S, _SELDOM_S = 1.0, 5.0


class Reporter:
    """Sends heartbeats within a block.

    Attributes:
        lost: the lease has ended, or must be taken to have: the server did not answer for as long
            as it lasts, and may have given the device to another.
        cancelled: the job is to be cancelled.

    Args:
        link: to the server.
        held: the lease.
        log: file that grows.
        started_s: `time.monotonic` when the lease was asked for.
    """

    def __init__(self, link: Link, held: LeaseMessage, log: Path, started_s: float) -> None:
        self._link, self._held, self._log = link, held, log
        self._until_s = started_s + held.lease_s
        self._offset = log.stat().st_size if log.exists() else 0
        self._number, self._rest = 0, b""
        self._progress: tuple[int | None, int | None] = (None, None)
        self._waiting: list[tuple[int, str]] = []
        self._end = threading.Event()
        # The end of a job flushes while the thread may be within a heartbeat of its own.
        self._beating = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.lost, self.cancelled = threading.Event(), threading.Event()

    def is_lost(self) -> bool:
        """Whether the lease has ended, or must be taken to have.

        Whoever holds the device asks this again and again: the thread of the heartbeats may be
        stuck in a network that swallows what is sent.
        """
        # Before its end by the server's clock, so that two workers never overlap.
        if time.monotonic() > self._until_s - self._held.lease_s / 10:
            self.lost.set()
        return self.lost.is_set()

    @property
    def over(self) -> bool:
        """Whether the job must stop."""
        return self.is_lost() or self.cancelled.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def flush(self) -> None:
        """Sends what the log says at the end, if the server is there; it is in the files anyway."""
        try:
            while not self._beat():
                pass
        except (httpx.HTTPError, UserError):
            return

    def _run(self) -> None:
        every_s = min(self._held.lease_s / 4, _SELDOM_S)
        due_s = 0.0
        while not self._end.wait(min(every_s, _OFTEN_S)):
            try:
                if time.monotonic() >= due_s or self._has_news():
                    self._beat()
                    due_s = time.monotonic() + every_s
            except StaleLeaseError:
                self.lost.set()
                return
            except (httpx.HTTPError, UserError):
                pass
            if self.is_lost():
                return

    def _beat(self) -> bool:
        """One heartbeat; whether all lines were sent."""
        with self._beating:
            return self._beat_alone()

    def _beat_alone(self) -> bool:
        self._read()
        lines = self._waiting[:_LINES]
        done, total = self._progress
        asked_s = time.monotonic()
        if self._link.heartbeat(self._held.lease, Heartbeat(
                fence=self._held.fence, lines=lines, done=done, total=total)):
            self.cancelled.set()
        self._until_s = asked_s + self._held.lease_s
        del self._waiting[:len(lines)]
        return not self._waiting

    def _has_news(self) -> bool:
        return bool(self._waiting) or (
            self._log.exists() and self._log.stat().st_size > self._offset)

    def _read(self) -> None:
        if not self._log.exists():
            return
        with self._log.open("rb") as file:
            file.seek(self._offset)
            data = file.read(1 << 20)
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for raw in lines:
            line = _UNPRINTABLE.sub(" ", raw.decode("utf-8", "replace"))[:_LONGEST_LINE].rstrip()
            if not line:
                continue
            self._waiting.append((self._number, line))
            self._number += 1
            if (found := _COUNT.search(line)) and 0 <= int(found[1]) <= int(found[2]):
                self._progress = int(found[1]), int(found[2])
