from __future__ import annotations

import numpy as np

from predictor.costs import FactorCosts
from predictor.features import Features
from tests.fakes import FakeSpace
from tests.predictor.tables import OVERHEAD_MS, distinct, make_table, sums_ms

SPACE = FakeSpace(cells=2)
VECTORS = distinct(SPACE, 40, seed=0)
TABLE = make_table(SPACE, VECTORS)


def test_gathered_sums_are_those_of_the_table() -> None:
    costs = FactorCosts.build(SPACE, TABLE)
    wanted = [TABLE.latency_ms(SPACE.lower(SPACE.decode(vector))) for vector in VECTORS]
    np.testing.assert_allclose(costs.sum_ms(VECTORS), wanted, rtol=1e-12)
    np.testing.assert_allclose(costs.sum_ms(VECTORS), sums_ms(SPACE, VECTORS), rtol=1e-12)
    np.testing.assert_allclose(Features(costs)(VECTORS)[0], wanted, rtol=1e-12)
    assert costs.overhead_ms == OVERHEAD_MS


def test_columns_hold_what_their_names_say() -> None:
    features = Features(FactorCosts.build(SPACE, TABLE))
    _, values = features(VECTORS)
    assert values.shape == (len(VECTORS), len(features.names))
    column = dict(zip(features.names, values.T, strict=True))
    placed = [SPACE.lower(SPACE.decode(vector)) for vector in VECTORS]
    np.testing.assert_allclose(
        column["log_gflops"],
        np.log([sum(p.operator.flops * p.repeats for p in net) / 1e9 for net in placed]),
    )
    np.testing.assert_allclose(
        column["executions"], [sum(p.repeats for p in net) for net in placed]
    )
    np.testing.assert_allclose(
        column["cell1.mbytes"],
        [sum(p.operator.bytes_moved for p in net if p.path.startswith("cell1.")) / 1e6
         for net in placed],
    )
    kernels = [SPACE.decode(vector)["cell0.kernel"] for vector in VECTORS]
    np.testing.assert_array_equal(column["cell0.kernel"], kernels)


def test_columns_that_never_change_are_left_out() -> None:
    names = Features(FactorCosts.build(SPACE, TABLE)).names
    assert not [name for name in names if name.startswith("stem.")]
    assert "loop.latency_ms" in names
    assert "loop.executions" not in names
