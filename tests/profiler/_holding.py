"""Holds a device lock until its standard input ends: ``python -m tests.profiler._holding NAME``."""

from __future__ import annotations

import sys

from profiler.lock import device_lock

if __name__ == "__main__":
    with device_lock(sys.argv[1]):
        print("held", flush=True)
        sys.stdin.read()
