from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import cast

import pytest

from evolution.service.protocol import Heartbeat, LeaseMessage
from evolution.service.worker import reporting
from evolution.service.worker.link import Link
from evolution.service.worker.reporting import Reporter


class Meeting:
    """A server that answers a heartbeat once there is a second one at the same time."""

    def __init__(self) -> None:
        self.said: list[int] = []
        self.asked = threading.Event()
        self._both = threading.Barrier(2)

    def heartbeat(self, lease: int, beat: Heartbeat) -> bool:
        self.said += [number for number, _ in beat.lines]
        self.asked.set()
        with contextlib.suppress(threading.BrokenBarrierError):
            self._both.wait(0.5)
        return False


def test_the_end_of_a_job_does_not_mix_with_a_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_OFTEN_S", 0.01)
    log, link = tmp_path / "log.txt", Meeting()
    held = LeaseMessage(job=1, lease=1, fence=1, attempt=1, kind="train", parameters={},
                        sources=[], inputs=[], lease_s=60.0)
    with Reporter(cast(Link, link), held, log, time.monotonic()) as reporter:
        log.write_text("".join(f"line {number}\n" for number in range(450)))
        assert link.asked.wait(60)
        reporter.flush()
    assert link.said == list(range(450))
