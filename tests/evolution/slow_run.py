"""A toy search that takes its time: ``python -m tests.evolution.slow_run OUT [WORKERS]``."""

from __future__ import annotations

import sys
from pathlib import Path

from evolution.conduct import conduct
from evolution.pools.base import POOLS, PoolOptions
from evolution.progress import View
from tests.evolution.toys import ToyAccuracy, Toys, ToySpace

PAUSE = 0.05


def slow() -> ToyAccuracy:
    return ToyAccuracy(ToySpace(), pause=PAUSE)


if __name__ == "__main__":
    toys = Toys(pause=PAUSE)
    options = PoolOptions(int(sys.argv[2]) if len(sys.argv) > 2 else None)
    with POOLS.get(options.pool)(toys.accuracy, slow, options) as pool:
        plan = toys.plan(Path(sys.argv[1]), latency="80%")
        conduct(plan, toys.accuracy, toys.stopwatch, View(), pool)
