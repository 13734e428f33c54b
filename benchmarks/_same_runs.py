"""Searches that are killed: started, and ended at a moment or a worker short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._same_found import evaluated
from evolution.run import STRUCK
from luts.errors import UserError

_ENDED_SECONDS = 3600.0
_ORPHAN_SECONDS = 30.0
_LOOK_SECONDS = 0.05
# What the command line of a scoring process holds.
WORKERS = {"processes": "spawn_main", "ray": "ray::Desk"}


@dataclass(frozen=True)
class Life:
    """How long an undisturbed search took.

    Attributes:
        seconds: all of it.
        first_s: until its first evaluation stood in the journal.
    """

    seconds: float
    first_s: float


class Searches:
    """Runs searches of the same options in folders of their own; none outlives this process's end.

    Args:
        options: of `evolution.run`, without its folder.
        root: where the folders go.
    """

    def __init__(self, options: Sequence[str], root: Path) -> None:
        self.options = list(options)
        self.root = root

    @contextmanager
    def _running(self, name: str, more: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "evolution.run", *self.options, "--out",
                   str(self.root / name), *more]
        package = str(Path(__file__).resolve().parent.parent)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        with (self.root / f"{name}.log").open("a") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, text=True,
                                       start_new_session=True,
                                       env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
        try:
            yield process
        finally:
            if process.poll() is None:  # this process was interrupted, or it took too long
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def finish(self, name: str, *more: str) -> Life:
        """Runs a search to its end; with ``--resume`` it goes on with what the folder holds.

        Raises:
            UserError: it failed.
        """
        began = time.monotonic()
        first_s = 0.0
        with self._running(name, more) as process:
            while process.poll() is None and not first_s:
                first_s = time.monotonic() - began if evaluated(self.root / name) else 0.0
                time.sleep(_LOOK_SECONDS)
            self._wait(process, name)
        return Life(time.monotonic() - began, first_s)

    def kill(self, name: str, after_s: float, *more: str) -> tuple[int, int] | None:
        """Starts a search and kills it (SIGKILL) at a moment.

        Returns:
            Evaluations that it had written, and processes of it that outlived it by half a
            minute; None where it had ended before.

        Raises:
            UserError: it failed before.
        """
        import psutil

        with self._running(name, more) as process:
            try:
                process.wait(after_s)
            except subprocess.TimeoutExpired:
                children = psutil.Process(process.pid).children(recursive=True)
                process.kill()
                process.wait()
                _, alive = psutil.wait_procs(children, timeout=_ORPHAN_SECONDS)
                for child in alive:
                    child.kill()
                return evaluated(self.root / name), len(alive)
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

        until_s = time.monotonic() + _ENDED_SECONDS
        with self._running(name, more) as process:
            while process.poll() is None and time.monotonic() < until_s:
                count = evaluated(self.root / name)
                workers = [child for child in psutil.Process(process.pid).children(recursive=True)
                           if mark in _command(child)]
                if count >= after and workers:
                    workers[0].kill()
                    self._wait(process, name)
                    return count
                time.sleep(_LOOK_SECONDS)
            self._wait(process, name)
        raise UserError(f"the search in {self.root / name} ended before a worker was killed; give "
                        "more --evaluations")

    def _wait(self, process: subprocess.Popen[str], name: str) -> None:
        log = self.root / f"{name}.log"
        try:
            code = process.wait(_ENDED_SECONDS)
        except subprocess.TimeoutExpired:
            raise UserError(f"the search in {self.root / name} did not end within "
                            f"{_ENDED_SECONDS:.0f} s; its log is {log}") from None
        if code not in (0, STRUCK):
            lines = log.read_text().strip().splitlines()
            said = lines[-1] if lines else "it said nothing"
            raise UserError(f"the search in {self.root / name} ended with code {code}: {said}")


def _command(process: Any) -> str:
    import psutil

    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
