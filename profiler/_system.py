"""What the doctor looks at: files below a root, the environment, two moments in time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["ok", "warn", "bad", "unknown"]


class UnreadableError(Exception):
    """A file that a check needs cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at.
        state: ``ok``, ``warn`` (figures may scatter), ``bad`` (figures will be wrong) or
            ``unknown``.
        found: what it is like, in words.
        advice: what to do; empty where nothing is to be done.
    """

    check: str
    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True)
class System:
    """A machine.

    Attributes:
        root: folder in which ``proc`` and ``sys`` lie; tests give one of their own.
        environ: environment variables.
        pid: this process.
    """

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    pid: int = field(default_factory=os.getpid)

    def read(self, path: str) -> str:
        """Text of a file, stripped.

        Args:
            path: without the leading slash, such as ``proc/stat``.

        Raises:
            UnreadableError: it cannot be read.
        """
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError as error:
            raise UnreadableError(f"/{path}: {error.strerror or error}") from None

    def has(self, path: str) -> bool:
        """Whether a file or folder is there."""
        return (self.root / path).exists()

    def glob(self, pattern: str) -> list[str]:
        """Paths below the root, sorted."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))

    def read_all(self, pattern: str) -> list[str]:
        """Text of each file that matches.

        Raises:
            UnreadableError: none matches, or one cannot be read.
        """
        paths = self.glob(pattern)
        if not paths:
            shown = pattern.replace("[0-9]*", "*")
            raise UnreadableError(f"/{shown}: this system does not show it")
        return [self.read(path) for path in paths]


Check = Callable[[System], Finding]


def run_checks(system: System, checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    """Runs checks; one that cannot read what it needs yields ``unknown`` with the reason."""
    return [_run(system, name, check) for name, check in checks]


def _run(system: System, name: str, check: Check) -> Finding:
    try:
        return check(system)
    except UnreadableError as error:
        return Finding(name, "unknown", f"cannot be told ({error})")
    except (ValueError, IndexError, KeyError) as error:
        return Finding(name, "unknown", f"cannot be understood ({type(error).__name__}: {error})")


def cpu_list(text: str) -> list[int]:
    """Numbers of a list such as ``0-2,8``.

    Raises:
        ValueError: it is no such list.
    """
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def usable_cpus(system: System) -> list[int]:
    """Cores that this process may run on."""
    for line in system.read("proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if name == "Cpus_allowed_list":
            return cpu_list(value.strip())
    raise UnreadableError("/proc/self/status: has no Cpus_allowed_list")
