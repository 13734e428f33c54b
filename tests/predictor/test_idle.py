"""A cell executes less than its factors count where nobody reads a part, or two are the same."""

import numpy as np
import pytest

from luts._costs import cost_of
from predictor.costs import FactorCosts
from predictor.extremes import minimise
from predictor.features import Features
from predictor.network import NetworkPredictor
from predictor.unmeasured.table import EstimatedPredictor, estimate_table
from supernet.spaces.parsec import parsec_darts_small
from supernet.training.sampling import factor_gflops, gflops
from tests.predictor.tables import OVERHEAD_MS, distinct, make_table, sums_ms

SPACE = parsec_darts_small()
VECTORS = distinct(SPACE, 60, seed=0)


@pytest.fixture(scope="module")
def table():
    return make_table(SPACE, VECTORS)


def placed(vector):
    return SPACE.lower(SPACE.decode(vector))


def test_sums_and_features_are_of_what_is_executed(table):
    costs = FactorCosts.build(SPACE, table)
    counted = sum(block[:, 0][SPACE.factor_rows(factor, VECTORS)]
                  for factor, block in zip(SPACE.factors, costs.blocks, strict=True))
    wanted = sums_ms(SPACE, VECTORS)
    assert (counted > wanted - OVERHEAD_MS + 1e-6).mean() > 0.3
    np.testing.assert_allclose(costs.sum_ms(VECTORS), wanted, rtol=1e-9)
    features = Features(costs)
    sum_ms, values = features(VECTORS)
    np.testing.assert_allclose(sum_ms, wanted, rtol=1e-9)
    column = dict(zip(features.names, values.T, strict=True))
    np.testing.assert_allclose(column["executions"], [len(placed(vector)) for vector in VECTORS])
    frame = [sum(item.operator.kind == "add" for item in placed(vector)) for vector in VECTORS]
    assert np.corrcoef(column["frame.executions"], frame)[0, 1] > 0.8


def test_a_predictor_knows_the_ends_of_what_is_executed(table):
    predictor = NetworkPredictor.fit(SPACE, table)
    np.testing.assert_allclose(predictor.predict(VECTORS).latency_ms, sums_ms(SPACE, VECTORS),
                               rtol=1e-3)
    np.testing.assert_allclose(predictor.parts_ms(VECTORS).sum(1) + OVERHEAD_MS,
                               sums_ms(SPACE, VECTORS), rtol=1e-9)
    others = predictor.predict(SPACE.sample(np.random.default_rng(5), 5000)).latency_ms
    low, high = predictor.interval_ms()
    assert low <= others.min() and high >= others.max()
    additive = minimise(SPACE, [-cost for cost in predictor.factor_costs()])
    assert high > predictor.predict(additive[None]).latency_ms[0] + 0.1


def test_estimates_and_multiply_adds_are_of_what_is_executed():
    table = estimate_table(SPACE, "rtx3090")
    predictor = EstimatedPredictor(SPACE, table, 0.95, 0.3)
    wanted = [sum(table[item.operator].device_ms for item in placed(v)) for v in VECTORS]
    np.testing.assert_allclose(predictor.predict(VECTORS).latency_ms, wanted, rtol=1e-9)
    for vector in VECTORS[:10]:
        work = sum(cost_of(item.operator).flops for item in placed(vector)) / 1e9
        assert gflops(SPACE, vector) == pytest.approx(work, rel=1e-9)
    counted = sum(each[SPACE.factor_rows(factor, VECTORS[:1])[0]] for factor, each in
                  zip(SPACE.factors, factor_gflops(SPACE), strict=True))
    assert counted >= gflops(SPACE, VECTORS[0])
