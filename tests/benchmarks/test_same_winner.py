from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._same_runs import Found
from tests.evolution.test_conduct import search

ROOT = Path(__file__).parents[2]


def test_equal_searches_are_found_equal_and_others_are_not(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        search(tmp_path / name, seed=seed)
    first, again, other = (Found.of(tmp_path / name) for name in "abc")
    assert first == again
    assert first.scores != other.scores
    assert len(first.scores) == 40 and first.winner and first.struck == 0


def test_a_score_that_differs_in_its_last_bit_is_noticed(tmp_path: Path) -> None:
    search(tmp_path / "a")
    before = Found.of(tmp_path / "a")
    path = tmp_path / "a" / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[5]["metrics"]["epe"] *= 1 + 3e-16
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    after = Found.of(tmp_path / "a")
    assert after.winner == before.winner
    assert after.scores != before.scores


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_small_search_finds_the_same_however_it_is_killed(tmp_path: Path) -> None:
    ray = "--ray" if importlib.util.find_spec("ray") else "--no-ray"
    out = tmp_path / "same.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.same_winner", "--evaluations", "6", "--kills", "1", ray,
         "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert found["same"] is True
    assert all(row["scores_equal"] and row["winner_equal"] for row in found["searches"])
    assert sum(row.get("orphans", 0) for row in found["searches"]) == 0
