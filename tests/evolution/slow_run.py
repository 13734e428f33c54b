"""A toy search that takes its time, to be killed: ``python -m tests.evolution.slow_run OUT``."""

from __future__ import annotations

import sys
from pathlib import Path

from evolution.conduct import conduct
from evolution.progress import View
from tests.evolution.toys import Toys

if __name__ == "__main__":
    toys = Toys(pause=0.05)
    conduct(toys.plan(Path(sys.argv[1]), latency="80%"), toys.accuracy, toys.stopwatch, View())
