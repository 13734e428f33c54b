"""Commands of this package as processes: several at once, each with a log, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from luts.errors import UserError
from luts.files import read_json, write_json

_POLL_SECONDS = 0.5
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Command:
    """One call of a command of this package.

    Attributes:
        name: shown while it runs. What it prints goes to ``NAME.out``, messages to ``NAME.log``.
        arguments: module and options, such as ``("supernet.train", "--steps", "10")``.
        good: exit codes that are no failure.
    """

    name: str
    arguments: tuple[str, ...]
    good: tuple[int, ...] = (0,)


def carry_out(commands: Sequence[Command], parallel: int, logs: Path) -> None:
    """Runs commands, so many at once; those that ended well before, with the same arguments, rest.

    One whose ``--out`` is gone is run again.

    Args:
        commands: none needs what another one makes.
        parallel: how many run at a time; several have one thread of the processor each.
        logs: folder of their output.

    Raises:
        UserError: one failed; the others are stopped.
    """
    waiting = [command for command in commands if not _is_done(command, logs)]
    running: dict[subprocess.Popen[bytes], tuple[Command, float]] = {}
    with _stopped(running):
        while waiting or running:
            while waiting and len(running) < parallel:
                command = waiting.pop(0)
                running[_start(command, logs, alone=parallel == 1)] = (command, time.monotonic())
                print(f"begun: {command.name}", file=sys.stderr, flush=True)
            for process in [each for each in running if each.poll() is not None]:
                command, begun = running.pop(process)
                if process.returncode not in command.good:
                    raise UserError(_failure(command, process.returncode, logs))
                write_json(logs / f"{command.name}.done", list(command.arguments))
                print(f"done: {command.name}, {time.monotonic() - begun:.0f} s", file=sys.stderr,
                      flush=True)
            time.sleep(_POLL_SECONDS)


@contextmanager
def _stopped(running: dict[subprocess.Popen[bytes], tuple[Command, float]]) -> Iterator[None]:
    """Ends what still runs when the block is left, by an error, Ctrl-C or SIGTERM."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _interrupt) if main else None
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if main:
            signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def printed(command: Command, logs: Path) -> str:
    """What a finished command printed."""
    return (logs / f"{command.name}.out").read_text()


def _is_done(command: Command, logs: Path) -> bool:
    path, given = logs / f"{command.name}.done", list(command.arguments)
    made = [Path(folder) for option, folder in pairwise(given) if option == "--out"]
    return path.is_file() and read_json(path) == given and all(each.exists() for each in made)


def _start(command: Command, logs: Path, *, alone: bool) -> subprocess.Popen[bytes]:
    package = str(Path(__file__).resolve().parent.parent)
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"PYTHONPATH": os.pathsep.join(paths)}
    if not alone:
        settings["OMP_NUM_THREADS"] = "1"
    name = command.name
    with (logs / f"{name}.log").open("ab") as log, (logs / f"{name}.out").open("wb") as out:
        return subprocess.Popen([sys.executable, "-m", *command.arguments], stdout=out, stderr=log,
                                stdin=subprocess.DEVNULL, env={**os.environ, **settings})


def _failure(command: Command, code: int, logs: Path) -> str:
    path = logs / f"{command.name}.log"
    last = [line for line in path.read_text(errors="replace").splitlines() if line.strip()][-1:]
    said = last[0].strip() if last else "it said nothing"
    return f"{command.name} ended with exit code {code}: {said} (all of it: {path})"
