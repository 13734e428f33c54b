"""A worker whose jobs are toys: ``python -m benchmarks._toy_worker URL WORK``.

A job's ``steps`` and ``seed`` say how long it takes and what becomes of it; its token stands in
``METRONAS_TOKEN``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from evolution.service.jobs.commands import Command
from evolution.service.worker.link import Link
from evolution.service.worker.loop import Worker

PAUSE_S, PATIENCE_S = 0.05, 600.0


def build(kind: str, parameters: dict[str, Any]) -> Command:
    assert kind == "train"
    line = (sys.executable, "-m", "benchmarks._toy_job", str(parameters["steps"]),
            str(PAUSE_S), str(parameters["seed"]))
    return Command(line, keeps=("training",))


def make_worker(url: str, token: str | None, work: Path, device: str = "cpu",
                transport: httpx.BaseTransport | None = None,
                equipped: Callable[[], bool] = lambda: True,
                health: Callable[[], list[dict[str, str]]] = list) -> Worker:
    registration = {"machine": "box", "device": device, "target": "cpu", "version": "1"}
    link = Link(url, token, PATIENCE_S, transport)
    return Worker(link, work, registration, build, equipped, health)


if __name__ == "__main__":
    os.environ["METRONAS_TOY_DEVICE"] = own = sys.argv[3] if len(sys.argv) > 3 else "cpu"
    make_worker(sys.argv[1], os.environ.get("METRONAS_TOKEN"), Path(sys.argv[2]), own).run()
