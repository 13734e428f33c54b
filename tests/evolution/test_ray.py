"""Scoring on a Ray cluster: the same scores, and dead workers are replaced."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from evolution.conduct import conduct
from evolution.pools.base import Pool, PoolOptions
from evolution.pools.ray import RayPool, check_ray
from luts.errors import UserError
from tests.commands import assert_refused
from tests.conformance.pool import Make, TeamConformance, toy
from tests.evolution.test_conduct import evaluated, found, search
from tests.evolution.test_pools import ROOT, start
from tests.evolution.toys import Notes, ToyAccuracy, Toys

with_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None,
                              reason="ray is not installed (extra 'scale')")


@with_ray
@pytest.mark.slow
class TestRay(TeamConformance):
    @pytest.fixture
    def make(self) -> Make:
        def make(workers: int, accuracy: ToyAccuracy, maker: Callable[[], ToyAccuracy]) -> Pool:
            options = PoolOptions(workers, "local")
            return RayPool(accuracy, maker, options)  # type: ignore[arg-type]

        return make


@with_ray
@pytest.mark.slow
def test_a_search_on_a_cluster_one_of_whose_workers_is_killed_finds_the_same(
    tmp_path: Path,
) -> None:
    alone, _ = search(tmp_path / "alone")

    class Killer(Notes):
        killed = 0

        def scored(self, *_: object) -> None:
            super().scored()
            if self.scores == 10:
                workers = [child for child in psutil.Process().children(recursive=True)
                           if "ray::Desk" in " ".join(child.cmdline())]
                assert len(workers) == 2
                workers[0].send_signal(signal.SIGKILL)
                self.killed += 1

    toys, view = Toys(), Killer()
    with RayPool(toys.accuracy, toy, PoolOptions(2, "local")) as pool:  # type: ignore[arg-type]
        plan = toys.plan(tmp_path / "run", latency="80%")
        accuracy = toys.accuracy
        result = conduct(plan, accuracy, toys.stopwatch, view, pool=pool)  # type: ignore[arg-type]
    assert view.killed == 1
    assert toys.accuracy.scored == []
    assert found(result) == found(alone)
    paths = (tmp_path / "alone", tmp_path / "run")
    first, second = ([{**r, "seconds": 0} for r in evaluated(path)] for path in paths)
    assert first == second


@with_ray
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_local_cluster_ends_with_its_search(tmp_path: Path, how: signal.Signals) -> None:
    process, children = start(tmp_path / "run", "local")
    assert any("raylet" in child.name() for child in children)
    scorers = [child for child in children if "Agent" not in child.name()]
    process.send_signal(how)
    process.communicate(timeout=60)
    _, alive = psutil.wait_procs(scorers, timeout=30)
    assert alive == []
    # Ray's own agents notice the end of a killed cluster after a minute or so.
    _, alive = psutil.wait_procs(children, timeout=200)
    assert alive == []


@with_ray
@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1:99999"])
def test_an_address_without_a_cluster_is_refused(address: str) -> None:
    with pytest.raises(UserError, match=f"--ray {address}: no cluster can be reached there"):
        RayPool(toy(), toy, PoolOptions(1, address))  # type: ignore[arg-type]


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec",
                        lambda name, *rest: None if name == "ray" else find(name, *rest))
    with pytest.raises(UserError, match=r"--ray local needs Ray.*metronas\[scale\]"):
        check_ray("local")


def test_the_command_checks_for_ray_before_anything_else(tmp_path: Path) -> None:
    code = (
        "import importlib.util, sys, runpy\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda n, *r: None if n == 'ray' else find(n, *r)\n"
        "sys.argv = ['run', '--target', 'cpu', '--ray', 'local', '--out', 'run']\n"
        "runpy.run_module('evolution.run', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert_refused(done, "needs Ray")
    assert list(tmp_path.iterdir()) == []
