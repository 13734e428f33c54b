"""How tests call commands, and what wrong input has to look like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from luts import cli

ROOT = Path(__file__).parents[1]
Done = subprocess.CompletedProcess[str]


def run_module(module: str, *arguments: object) -> Done:
    """``python -m module arguments`` in the repository's folder."""
    return subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT,
                          capture_output=True, text=True, timeout=120, check=False)


def call_main(monkeypatch: pytest.MonkeyPatch, main: object, *arguments: str) -> int:
    """Exit code of a command that runs in this process."""
    monkeypatch.setattr("sys.argv", ["program", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.run(main)  # type: ignore[arg-type]
    assert isinstance(ended.value.code, int)
    return ended.value.code


def assert_refused(done: Done, said: str) -> None:
    """Exit code 2, nothing on standard output, and one line of error that says something."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert said in line
