"""Libraries whose every latency follows from shapes."""

from __future__ import annotations

import numpy as np

from luts.library import RECIPE, LibraryNetwork, Occurrence, OperatorLibrary
from luts.operator import Operator
from luts.records import TableInfo


def truth_ms(operator: Operator) -> float:
    """Latency of one operator on the made-up device: 50 GFLOP/s, 10 GB/s, 2 us a step."""
    return 0.002 + operator.flops / 5e7 + operator.bytes_moved / 1e7


def whole_ms(operators: list[Operator]) -> float:
    """Latency of a network there: 4 % more than its steps."""
    return 1.04 * sum(map(truth_ms, operators))


def random_operators(rng: np.random.Generator, count: int = 8) -> list[Operator]:
    """Steps of a made-up network; a third of them occurs in many networks."""
    found = [Operator.make("view", (1000,))]
    for _ in range(count):
        size, c, out = (int(v) for v in (rng.integers(8, 40), *(8 * rng.integers(1, 12, 2))))
        if rng.random() < 0.33:
            size, c, out = 16, 32, 32
        found.append([
            Operator.make("conv", (1, c, size, size), out=out, kernel=(3, 3), stride=1, groups=1),
            Operator.make("linear", (size, c), out=out),
            Operator.make("add", (c * size * size,), (c * size * size,)),
        ][int(rng.integers(3))])
    return found


def make_library(networks: int = 60, *, seed: int = 0, scatter: float = 0.01
                 ) -> OperatorLibrary:
    """A library of random networks.

    Args:
        networks: how many.
        seed: seed of all draws.
        scatter: relative standard deviation of every latency.
    """
    rng = np.random.default_rng(seed)
    steps, whole = [], []
    for number in range(networks):
        operators = random_operators(rng)
        steps += [Occurrence(number, operator, truth_ms(operator) * rng.lognormal(0, scatter))
                  for operator in operators]
        latency_ms = whole_ms(operators) * rng.lognormal(0, scatter)
        whole.append(LibraryNetwork(number, "made-up", latency_ms, latency_ms, latency_ms, 9, 0, 1,
                                    0.0, 1.0, 0.0))
    info = TableInfo(
        target="cpu", recipe=RECIPE, space_hash="0", device={"model": "made up"},
        runtime="onnxruntime", runtime_version="1", precision="fp32", batch=1, threads=1,
        code_hash="0", plan_hash="0", created="2030-01-01T00:00:00+00:00", complete=True,
        noise=scatter, settings={"seed": seed, "planned": networks})
    return OperatorLibrary(info, steps, whole)
