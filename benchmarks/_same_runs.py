"""Searches that are killed: started, ended at a moment or a worker short, and read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luts.errors import UserError

_ENDED_SECONDS = 3600.0
_ORPHAN_SECONDS = 30.0
# What the command line of a scoring process holds.
WORKERS = {"processes": "spawn_main", "ray": "ray::Desk"}


@dataclass(frozen=True)
class Found:
    """What must not depend on how a search went.

    Attributes:
        winner: decision to value.
        scores: of each evaluation in order, its architecture, metrics and fitness.
        struck: how many candidates verification struck; it measures, so it may differ.
    """

    winner: dict[str, int]
    scores: list[list[Any]]
    struck: int

    @classmethod
    def of(cls, folder: Path) -> Found:
        """Reads a finished run."""
        from evolution.ledger import EVALUATED
        from evolution.result import load_result

        result = load_result(folder)
        scores = [[r["vector"], r["metrics"], r["fitness"]] for r in records(folder)
                  if r["event"] == EVALUATED]
        struck = sum(1 for done in result.rounds if done.check.faults)
        return cls(result.best.architecture or {}, scores, struck)


def records(folder: Path) -> list[dict[str, Any]]:
    """Whole records of a journal that may be written to at this moment."""
    path = folder / "journal.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


class Searches:
    """Starts searches of the same options in folders of their own.

    Args:
        options: of `evolution.run`, without its folder.
        root: where the folders go.
    """

    def __init__(self, options: Sequence[str], root: Path) -> None:
        self.options = list(options)
        self.root = root

    def start(self, name: str, *more: str) -> subprocess.Popen[str]:
        """Starts a search; with ``--resume`` it goes on with what the folder holds."""
        command = [sys.executable, "-m", "evolution.run", *self.options, "--out",
                   str(self.root / name), *more]
        package = str(Path(__file__).resolve().parent.parent)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        with (self.root / f"{name}.log").open("a") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, text=True,
                                    start_new_session=True,
                                    env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})

    def finish(self, name: str, *more: str) -> float:
        """Runs a search to its end; returns the seconds that it took.

        Raises:
            UserError: it failed.
        """
        began = time.monotonic()
        self._wait(self.start(name, *more), name)
        return time.monotonic() - began

    def kill(self, name: str, after_s: float, *more: str) -> tuple[int, int] | None:
        """Starts a search and kills it (SIGKILL) at a moment.

        Returns:
            Evaluations that it had written, and processes of it that outlived it by half a
            minute; None where it had ended before.
        """
        import psutil

        process = self.start(name, *more)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
            _, alive = psutil.wait_procs(children, timeout=_ORPHAN_SECONDS)
            for child in alive:
                child.kill()
            return sum(r["event"] == "evaluated" for r in records(self.root / name)), len(alive)
        self._wait(process, name)
        return None

    def lose_worker(self, name: str, mark: str, after: int, *more: str) -> int:
        """Runs a search to its end and kills (SIGKILL) one of its workers on the way.

        Args:
            name: of its folder.
            mark: what the command line of a worker holds.
            after: evaluations that must have been written.
            *more: further options.

        Returns:
            Evaluations that were written before.

        Raises:
            UserError: it failed, or ended before a worker was killed.
        """
        import psutil

        process = self.start(name, *more)
        while process.poll() is None:
            count = sum(r["event"] == "evaluated" for r in records(self.root / name))
            workers = [child for child in psutil.Process(process.pid).children(recursive=True)
                       if mark in _command(child)]
            if count >= after and workers:
                workers[0].kill()
                self._wait(process, name)
                return count
            time.sleep(0.05)
        self._wait(process, name)
        raise UserError(f"the search in {self.root / name} ended before a worker was killed; give "
                        "more --evaluations")

    def _wait(self, process: subprocess.Popen[str], name: str) -> None:
        code = process.wait(_ENDED_SECONDS)
        if code != 0:
            log = (self.root / f"{name}.log").read_text().strip().splitlines()
            said = log[-1] if log else "it said nothing"
            raise UserError(f"the search in {self.root / name} ended with code {code}: {said}")


def _command(process: Any) -> str:
    import psutil

    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
