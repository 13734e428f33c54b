from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from luts.table import LatencyTable
from profiler._state import JOURNAL
from tests.profiler._killed import campaign

ROOT = Path(__file__).parents[2]


def _kill_after(folder: Path, records: int) -> None:
    """Starts the campaign and kills it without warning once its journal has grown."""
    command = [sys.executable, "-m", "tests.profiler._killed", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT)
    journal = folder / JOURNAL
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") >= records:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_fifty_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    rng, kills, campaigns = np.random.default_rng(0), 0, 0
    while kills < 50:
        folder = tmp_path / str(campaigns)
        command = [sys.executable, "-m", "tests.profiler._killed", str(folder), "40"]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            assert process.wait(timeout=float(rng.uniform(0.5, 4.0))) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        _check_whole(folder, 40)
        campaigns += 1
    table = campaign(tmp_path / str(campaigns), 40).run(resume=True)
    assert table.info.complete
    _check_whole(tmp_path / str(campaigns), 40)


def _check_whole(folder: Path, networks: int) -> None:
    """Every planned visit once, nothing else, and a table of all networks and operators."""
    planned = campaign(folder, networks).plan
    records = [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]
    visits = [(r["network"], r["turn"]) for r in records if r["kind"] == "visit"]
    assert len(visits) == len(set(visits))
    assert {v for v in visits if v[1] < 2} == {(v.network, v.turn)
                                               for block in planned.blocks for v in block}
    table = LatencyTable.load(folder)
    assert sorted(str(s.vector) for s in table.networks) == sorted(
        str(item.vector) for item in planned.networks
    )
    assert {row.operator for row in table.rows} >= set(planned.contexts)


@pytest.mark.timeout(180)
def test_killed_again_and_again_no_row_is_lost_or_doubled(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    for records in (1, 9, 22):
        _kill_after(folder, records)
    table = campaign(folder).run(resume=True)
    whole = campaign(tmp_path / "whole").run()
    assert [row.operator for row in table.rows] == [row.operator for row in whole.rows]
    assert [row.contexts for row in table.rows] == [row.contexts for row in whole.rows]
    assert sorted(str(s.vector) for s in table.networks) == sorted(
        str(s.vector) for s in whole.networks
    )
    records = [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]
    visits = [(r["network"], r["turn"]) for r in records if r["kind"] == "visit"]
    assert len(visits) == len(set(visits))
    assert table.info.complete
