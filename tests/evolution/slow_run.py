"""A toy search that takes its time: ``python -m tests.evolution.slow_run OUT [WORKERS [RAY]]``."""

from __future__ import annotations

import sys
from pathlib import Path

from evolution.conduct import conduct
from evolution.pools.base import POOLS, PoolOptions
from evolution.progress import View
from tests.evolution.toys import ToyAccuracy, Toys, ToySpace

PAUSE = 0.15


def slow() -> ToyAccuracy:
    return ToyAccuracy(ToySpace(), pause=PAUSE)


if __name__ == "__main__":
    toys = Toys(pause=PAUSE)
    out, workers, address = sys.argv[1:] + ["1", ""][len(sys.argv) - 2:]
    options = PoolOptions(int(workers), address or None)
    with POOLS.get(options.pool)(toys.accuracy, slow, options) as pool:
        plan = toys.plan(Path(out), latency="80%")
        conduct(plan, toys.accuracy, toys.stopwatch, View(), pool=pool)
