"""Tables of a fake space whose sums and corrections are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luts.fingerprint import space_hash
from luts.operator import Operator
from luts.space import OperatorSpace, Vectors
from luts.table import Drift, LatencyRow, LatencyTable, NetworkSample, TableInfo

OVERHEAD_MS = 0.05
Factor = Callable[[Vectors], np.ndarray]


def no_correction(vectors: Vectors) -> np.ndarray:
    return np.ones(len(vectors))


def kernel_correction(vectors: Vectors) -> np.ndarray:
    """Networks take 10 % more where the first kernel is large, and 5 % more where both are."""
    large = vectors[:, 1] == 1
    return 1 + 0.10 * large + 0.05 * (large & (vectors[:, 4] == 1))


def operator_ms(operator: Operator) -> float:
    return 0.02 + operator.flops / 5e6


def sums_ms(space: OperatorSpace, vectors: Vectors) -> np.ndarray:
    """Table sum of each architecture, by plain loops."""
    return np.array(
        [
            OVERHEAD_MS
            + sum(operator_ms(p.operator) * p.repeats for p in space.lower(space.decode(vector)))
            for vector in vectors
        ]
    )


def distinct(space: OperatorSpace, count: int, seed: int) -> Vectors:
    vectors = np.unique(space.sample(np.random.default_rng(seed), 4 * count), axis=0)
    chosen = np.random.default_rng(seed).permutation(len(vectors))[:count]
    return vectors[chosen]


def make_table(
    space: OperatorSpace,
    vectors: Vectors,
    *,
    factor: Factor = no_correction,
    noise: float = 0.0,
    seed: int = 0,
    slowness: float | np.ndarray = 1.0,
    reference: bool = True,
    uniform: int | None = None,
    **info: object,
) -> LatencyTable:
    """A table whose networks take ``sum * factor * noise``.

    Args:
        space: the space.
        vectors: its measured networks; the first `uniform` (all by default) are random draws.
        factor: true ratio of measurement and sum.
        noise: relative standard deviation of a session.
        seed: seed of the noise.
        slowness: noted on each network; raw latencies were so much longer.
        reference: whether the reference network was measured, at 1.2 times its sum.
        uniform: number of networks that count as uniform draws.
        **info: overrides of the provenance.
    """
    everything = [
        p.operator for f in space.factors for c in space.factor_choices(f)
        for p in space.lower_factor(f, c)
    ]
    everything += [p.operator for p in space.lower_reference()]
    rows = [
        LatencyRow(op, operator_ms(op), operator_ms(op), operator_ms(op), 4, 100)
        for op in dict.fromkeys(everything)
    ]
    rng = np.random.default_rng(seed)
    truth = sums_ms(space, vectors) * factor(vectors)
    truth = truth * np.exp(rng.normal(0, noise, len(vectors)))
    drawn = len(vectors) if uniform is None else uniform
    slowness = np.broadcast_to(slowness, len(vectors)).tolist()
    networks = [
        NetworkSample(tuple(int(i) for i in vector), ms, ms, ms, 50, order,
                      "uniform" if order < drawn else "cover", slowness=slowness[order])
        for order, (vector, ms) in enumerate(zip(vectors, truth.tolist(), strict=True))
    ]
    if reference:
        ms = OVERHEAD_MS + sum(operator_ms(p.operator) * p.repeats for p in space.lower_reference())
        networks.append(
            NetworkSample(None, 1.2 * ms, ms, 1.3 * ms, 50, len(networks), "reference")
        )
    fields: dict[str, object] = {
        "target": "cpu", "recipe": space.name, "space_hash": space_hash(space), "device": {},
        "runtime": "onnxruntime", "runtime_version": "1", "precision": "fp32", "batch": 1,
        "threads": 1, "code_hash": "c", "plan_hash": "p", "created": "2025-01-01T00:00:00+00:00",
        "complete": True, "drift": Drift(), "noise": noise, "overhead_ms": OVERHEAD_MS,
    }
    return LatencyTable(TableInfo.model_validate({**fields, **info}), rows, networks)
