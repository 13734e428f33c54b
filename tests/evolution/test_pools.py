"""Scoring in this process and in several: same scores, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from evolution.conduct import conduct
from evolution.pools.base import POOLS, Pool, PoolOptions
from evolution.pools.here import Here
from evolution.pools.processes import Processes
from tests.conformance.pool import Make, PoolConformance, TeamConformance, toy
from tests.evolution.test_conduct import evaluated, found, search
from tests.evolution.toys import Notes, ToyAccuracy, Toys

ROOT = Path(__file__).parents[2]


class TestHere(PoolConformance):
    @pytest.fixture
    def make(self) -> Make:
        def make(workers: int, accuracy: ToyAccuracy, _: Callable[[], ToyAccuracy]) -> Pool:
            return Here.of(accuracy)  # type: ignore[arg-type]

        return make


class TestProcesses(TeamConformance):
    @pytest.fixture
    def make(self) -> Make:
        def make(workers: int, accuracy: ToyAccuracy, maker: Callable[[], ToyAccuracy]) -> Pool:
            options = PoolOptions(workers)
            return Processes(accuracy, maker, options)  # type: ignore[arg-type]

        return make


@pytest.mark.parametrize(
    ("options", "name"),
    [(PoolOptions(), "here"), (PoolOptions(1), "here"), (PoolOptions(2), "processes"),
     (PoolOptions(None, "local"), "ray"), (PoolOptions(2, "10.0.0.1:6379"), "ray")],
)
def test_options_choose_the_pool(options: PoolOptions, name: str) -> None:
    assert options.pool == name
    assert name in POOLS.names()


def test_a_search_with_workers_finds_the_same(tmp_path: Path) -> None:
    alone, _ = search(tmp_path / "alone")
    toys = Toys(factors=(1.2, 1.0))  # a strike, so that workers are needed again after measuring
    struck, _ = search(tmp_path / "struck", toys=toys)
    for number, (wanted, name, factors) in enumerate(
        ((alone, "alone", (1.0,)), (struck, "struck", (1.2, 1.0)))
    ):
        toys, out = Toys(factors=factors), tmp_path / f"together{number}"
        with Processes(toys.accuracy, toy, PoolOptions(2)) as pool:  # type: ignore[arg-type]
            plan = toys.plan(out, latency="80%")
            result = conduct(
                plan, toys.accuracy, toys.stopwatch, Notes(),
            pool=pool,  # type: ignore[arg-type]
            )
        assert toys.accuracy.scored == []
        assert found(result) == found(wanted)
        timeless = [
            [{**record, "seconds": 0} for record in evaluated(path)]
            for path in (tmp_path / name, out)
        ]
        assert timeless[0] == timeless[1]


def start(out: Path, ray: str = "") -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A slow search with 2 workers, once both have scored."""
    command = [sys.executable, "-m", "tests.evolution.slow_run", str(out), "2", ray]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stderr=subprocess.PIPE, start_new_session=True,
    )
    deadline, journal = time.monotonic() + 120, out / "journal.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 6:
        assert process.poll() is None, "it ended before it could be ended"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process, psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("how", ["kill", "terminate", "ctrl-c", "ctrl-c to it alone"])
def test_however_a_search_ends_no_worker_stays_and_it_resumes(tmp_path: Path, how: str) -> None:
    out = tmp_path / "run"
    process, children = start(out)
    assert len(children) >= 2
    if how == "ctrl-c":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    else:
        process.send_signal({"kill": signal.SIGKILL, "terminate": signal.SIGTERM}.get(
            how, signal.SIGINT))
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    if how.startswith("ctrl-c"):
        assert errors.count("Traceback") <= 1, errors  # none of a worker
    resumed, toys = search(out, resume=True)
    assert 0 < len(toys.accuracy.scored) < 40
    unbroken, _ = search(tmp_path / "unbroken")
    assert found(resumed) == found(unbroken)


def test_a_worker_killed_within_a_search_changes_nothing(tmp_path: Path) -> None:
    process, children = start(tmp_path / "run")
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    workers[0].kill()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    unbroken, _ = search(tmp_path / "unbroken")
    again, toys = search(tmp_path / "run", resume=True)
    assert toys.accuracy.scored == []
    assert found(again) == found(unbroken)
