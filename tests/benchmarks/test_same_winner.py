from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._same_found import Found
from benchmarks._same_kills import Comparison
from benchmarks._same_runs import Life
from luts.errors import UserError
from luts.files import Journal
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


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and one that found something else."""
    root = tmp_path_factory.mktemp("runs")
    search(root / "same", seed=1)
    search(root / "other", seed=2)
    return root


class FakeSearches:
    """Searches of ten seconds; some find something else."""

    def __init__(self, root: Path, runs: Path, others: tuple[str, ...] = ()) -> None:
        self.root = root
        self.runs = runs
        self.others = others
        self.done: list[str] = []
        self.waits: list[tuple[str, float]] = []
        self.ends_after_s = 10.0

    def finish(self, name: str, *more: str) -> Life:
        run = self.runs / ("other" if name in self.others else "same")
        shutil.copytree(run, self.root / name, dirs_exist_ok=True)
        self.done.append(name)
        return Life(10.0, 2.0)

    def kill(self, name: str, after_s: float, *more: str) -> tuple[int, int] | None:
        self.waits.append((name, after_s))
        if after_s >= self.ends_after_s:
            self.finish(name)
            return None
        return 3, 0

    def lose_worker(self, name: str, mark: str, after: int, *more: str) -> int:
        self.finish(name)
        return after


def compared(
    out: Path, runs: Path, others: tuple[str, ...] = ()
) -> tuple[Comparison, FakeSearches]:
    fake = FakeSearches(out, runs, others)
    made = Comparison(fake, Journal(out / "same_winner.jsonl"), 0, 8)  # type: ignore[arg-type]
    made.twice()
    return made, fake


def test_kills_are_spread_over_searches_and_each_goes_on_from_what_it_kept(
    tmp_path: Path, runs: Path
) -> None:
    made, fake = compared(tmp_path, runs)
    made.killed(6, 4)
    rows = made.rows[1:]
    assert [len(row["killed_after_s"]) for row in rows] == [4, 2]
    moments = rows[0]["killed_after_s"]
    assert moments == sorted(moments) and moments[0] >= 0 and moments[-1] <= 10
    waits = [wait for name, wait in fake.waits if name == "killed 1"]
    kept = [0.0, *(max(0.0, moment - 2.0) for moment in moments)]
    assert waits == pytest.approx([m - k for m, k in zip(moments, kept, strict=False)], abs=0.02)
    assert all(row["scores_equal"] and row["winner_equal"] for row in made.rows)


def test_what_was_compared_is_not_done_again(tmp_path: Path, runs: Path) -> None:
    made, _ = compared(tmp_path, runs)
    made.killed(4, 4)
    made.with_workers(ray=False)
    names = [row["search"] for row in made.rows]
    again, new = compared(tmp_path, runs)
    again.killed(4, 4)
    again.with_workers(ray=True)
    assert new.done == ["2 workers (ray), one killed"]
    assert [row["search"] for row in again.rows] == [*names, *new.done]
    assert again.life == made.life == Life(10.0, 2.0)


def test_a_search_that_found_something_else_is_kept_for_a_look(
    tmp_path: Path, runs: Path
) -> None:
    made, _ = compared(tmp_path, runs, ("killed 2",))
    made.killed(4, 2)
    assert [row["scores_equal"] for row in made.rows] == [True, True, False]
    assert (tmp_path / "differs" / "killed 2" / "journal.jsonl").exists()


def test_searches_that_end_before_their_moments_are_no_evidence(
    tmp_path: Path, runs: Path
) -> None:
    made, fake = compared(tmp_path, runs)
    fake.ends_after_s = 0.0
    with pytest.raises(UserError, match="7 searches ended before 4 moments"):
        made.killed(4, 2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_small_search_finds_the_same_however_it_is_killed(tmp_path: Path) -> None:
    ray = "--ray" if importlib.util.find_spec("ray") else "--no-ray"
    out = tmp_path / "same"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.same_winner", "--evaluations", "6", "--kills", "2", ray,
         "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((out / "same_winner.json").read_text())
    assert found["same"] is True and found["kills_done"] >= 2
    assert not list(out.glob("searches-*"))
    assert all(row["scores_equal"] and row["winner_equal"] for row in found["searches"])
    assert sum(row.get("orphans", 0) for row in found["searches"]) == 0
