"""Machines in miniature: network namespaces with a cable each, which can be cut."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from luts.errors import UserError

_INSIDE = "METRONAS_IN_NAMESPACE"
_TOOLS = ("unshare", "nsenter", "ip")


def go_inside() -> int | None:
    """Runs this program again as the root of namespaces of its own, which needs no rights here.

    Returns:
        Its exit code; None inside.

    Raises:
        UserError: this machine does not permit it.
    """
    if os.environ.get(_INSIDE):
        _call("ip", "link", "set", "lo", "up")
        return None
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise UserError(f"{', '.join(missing)} is not installed; Debian's packages are util-linux "
                        "and iproute2")
    enter = ["unshare", "--user", "--map-root-user", "--net"]
    tried = subprocess.run([*enter, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise UserError(f"this machine permits no network namespaces ({tried.stderr.strip()})")
    return subprocess.run([*enter, sys.executable, *sys.orig_argv[1:]], check=False,
                          env={**os.environ, _INSIDE: "1"}).returncode


class Cable:
    """A network namespace and the pair of interfaces that ties it to this one.

    Attributes:
        server: this end's address, which processes inside reach.
        inside: what to put before a command that is to run inside.

    Args:
        number: 0 to 200; tells it from others.
    """

    def __init__(self, number: int) -> None:
        self._outer, inner = f"metronas{number}", "eth0"
        self.server = f"10.99.{number}.1"
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        pid = str(self._holder.pid)
        self.inside: Sequence[str] = ("nsenter", "--target", pid, "--net")
        _await_namespace(self._holder.pid)
        _call("ip", "link", "add", self._outer, "type", "veth", "peer", "name", inner, "netns", pid)
        _call("ip", "address", "add", f"{self.server}/24", "dev", self._outer)
        _call("ip", "link", "set", self._outer, "up")
        _call(*self.inside, "ip", "address", "add", f"10.99.{number}.2/24", "dev", inner)
        for name in ("lo", inner):
            _call(*self.inside, "ip", "link", "set", name, "up")

    def cut(self) -> None:
        """What is sent from now on gets lost, without a word to either end."""
        _call("ip", "link", "set", self._outer, "down")

    def mend(self) -> None:
        """What is sent from now on arrives."""
        _call("ip", "link", "set", self._outer, "up")

    def close(self) -> None:
        """Lets the namespace go, and its interfaces with it."""
        self._holder.kill()
        self._holder.wait()


@contextlib.contextmanager
def cables(count: int) -> Iterator[list[Cable]]:
    """So many namespaces; gone after the block."""
    with contextlib.ExitStack() as stack:
        found = []
        for number in range(count):
            found.append(Cable(number))
            stack.callback(found[-1].close)
        yield found


def _await_namespace(pid: int) -> None:
    here = Path("/proc/self/ns/net").readlink()
    for _ in range(200):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/ns/net").readlink() != here:
                return
        time.sleep(0.02)
    raise UserError("no network namespace came about within 4 s")


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"'{' '.join(command)}' failed: {done.stderr.strip()}")
