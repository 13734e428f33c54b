"""Tests of comparisons after equal trainings: the commands that they run and the gains."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks._commands import Command, carry_out, printed
from benchmarks._gains import gain
from benchmarks.equal_steps import SUPERNETS, Work
from evolution.run import STRUCK
from luts.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_a_finished_command_is_not_run_again_unless_its_arguments_change(tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_text("[1]")
    command = Command("shown", ("json.tool", "--compact", str(given)))
    carry_out([command], 1, tmp_path)
    given.write_text("[2]")
    carry_out([command], 1, tmp_path)
    assert printed(command, tmp_path).strip() == "[1]"
    other = Command("shown", ("json.tool", str(given)))
    carry_out([other], 1, tmp_path)
    assert printed(other, tmp_path).split() == ["[", "2", "]"]


def test_what_was_made_and_is_gone_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "maker.py").write_text("import os, sys\nos.mkdir(sys.argv[2])\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = tmp_path / "made"
    command = Command("made", ("maker", "--out", str(made)))
    for _ in range(2):
        carry_out([command], 1, tmp_path)
    made.rmdir()
    carry_out([command], 1, tmp_path)
    assert made.is_dir()


def test_a_failing_command_is_named_with_what_it_said_and_tried_again(tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    command = Command("broken", ("json.tool", str(given)))
    given.write_text("{")
    with pytest.raises(UserError, match=r"broken ended with exit code 1: Expecting .*broken\.log"):
        carry_out([command], 2, tmp_path)
    given.write_text("{}")
    carry_out([command], 2, tmp_path)
    assert printed(command, tmp_path).strip() == "{}"


def test_a_search_that_found_no_network_is_an_answer(tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_text("{")
    command = Command("broken", ("json.tool", str(given)), good=(0, 1))
    carry_out([command], 1, tmp_path)
    assert (tmp_path / "broken.done").exists()
    searched = Work("flownas-small", "cpu", [], tmp_path).search(0, "fad", "100%", None)
    assert STRUCK in searched.good and 2 not in searched.good


def test_a_terminated_comparison_leaves_no_command_behind(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path('pid').write_text(str(os.getpid()))\n"
        "time.sleep(60)\n")
    begun = "from pathlib import Path\nfrom benchmarks._commands import Command, carry_out\n" \
        "carry_out([Command('sleeper', ('sleeper',))], 1, Path('.'))"
    parent = subprocess.Popen([sys.executable, "-c", begun], cwd=tmp_path,
                              env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
                              stderr=subprocess.PIPE)
    pid = tmp_path / "pid"
    until = time.monotonic() + 30
    while not (pid.exists() and pid.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    child = psutil.Process(int(pid.read_text()))
    parent.terminate()
    parent.communicate(timeout=30)
    assert not child.is_running()


def test_all_networks_of_a_comparison_train_for_as_many_steps(tmp_path: Path) -> None:
    work = Work("flownas-small", "cpu", ["steps=7"], tmp_path)
    commands = [work.reference(3), work.longer(3), *(work.supernet(3, name) for name in SUPERNETS)]
    assert all("steps=7" in command.arguments for command in commands)
    seeds = [one.arguments[one.arguments.index("--seed") + 1] for one in commands]
    assert seeds == ["3", "1003", "3", "3"], "the longer training sees other pairs"
    assert "fad.weight=0" in commands[-1].arguments


def test_gains_are_against_the_reference_of_the_same_seed() -> None:
    found = [
        {"seed": seed, "network": network, "real": {"epe": epe}}
        for seed, network, epe in ((0, "reference", 1.0), (1, "reference", 2.0),
                                   (0, "fad", 0.9), (1, "fad", 1.0))
    ]
    assert gain(found, "fad", "real", "epe") == pytest.approx([-0.1, -0.5])
