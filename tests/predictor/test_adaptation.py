from __future__ import annotations

import numpy as np
import pytest

from luts.operator import Operator
from predictor._paced import adapt_at_pace
from predictor._sessions import Sessions
from predictor.adaptation import (
    GROUPINGS,
    OVERHEAD,
    adapt,
    base_latencies,
    by_kind,
    shares,
)
from tests.fakes import FakeSpace
from tests.predictor.tables import OVERHEAD_MS, distinct, make_table, operator_ms, sums_ms

SPACE = FakeSpace(cells=3)
TABLE = make_table(SPACE, distinct(SPACE, 40, seed=1))
BASE = {op: ms for op, (ms, _) in base_latencies(SPACE, SPACE, TABLE).items()}
VECTORS = distinct(SPACE, 60, seed=2)


def _true_factor(operator: Operator) -> float:
    return 0.5 if by_kind(operator, 0) == "conv, dense" else 0.9


def _elsewhere_ms(vectors: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Dense convolutions take half the time there, all others nine tenths."""
    truth = np.array([
        0.9 * OVERHEAD_MS + sum(operator_ms(p.operator) * p.repeats * _true_factor(p.operator)
                                for p in SPACE.lower(SPACE.decode(vector)))
        for vector in vectors
    ])
    return truth * np.exp(np.random.default_rng(seed).normal(0, noise, len(truth)))


def _times(vectors: np.ndarray) -> dict:
    return {name: shares(SPACE, BASE, OVERHEAD_MS, vectors, grouping)
            for name, grouping in GROUPINGS.items()}


def _mape(predicted: np.ndarray, measured: np.ndarray) -> float:
    return float(np.mean(np.abs(predicted / measured - 1)))


def test_shares_add_up_to_the_sum_of_the_table() -> None:
    for groups, times in _times(VECTORS).values():
        assert times.shape == (len(VECTORS), len(groups))
        np.testing.assert_allclose(times.sum(axis=1), sums_ms(SPACE, VECTORS))


@pytest.mark.parametrize("true", [0.7, 0.0])
def test_the_pace_is_taken_out_where_latencies_follow_it(true: float) -> None:
    few = VECTORS[:20]
    pace_ms = 4.0 * np.exp(np.random.default_rng(3).normal(0, 0.2, len(few)))
    steady_ms = _elsewhere_ms(few, 0.005, 1)
    latency_ms = steady_ms * (pace_ms / np.median(pace_ms)) ** true
    sessions = Sessions(few, latency_ms, pace_ms, "onnxruntime", "1")
    pace, measured_ms, found = adapt_at_pace(_times(few), sessions, 0.7)
    assert pace.sensitivity == true
    np.testing.assert_allclose(measured_ms, steady_ms)
    assert _mape(found.unseen_ms, measured_ms) < 0.02


def test_factors_of_groups_are_found_from_twenty_networks() -> None:
    few, others = VECTORS[:20], VECTORS[20:]
    found = adapt(_times(few), _elsewhere_ms(few, 0.005, 1))
    factor = dict(found.factors)
    groups, times = _times(others)[found.grouping]
    predicted = times @ np.array([factor[name] for name in groups])
    truth = _elsewhere_ms(others, 0.0, 0)
    assert _mape(predicted, truth) < 0.01
    common = sums_ms(SPACE, others) * np.median(truth / sums_ms(SPACE, others))
    assert _mape(predicted, truth) < 0.4 * _mape(common, truth)
    # What is said of unseen networks is what is found on fresh ones.
    measured = _elsewhere_ms(few, 0.005, 1)
    assert _mape(found.unseen_ms, measured) < 0.02
    assert _mape(found.common_ms, measured) > 1.5 * _mape(found.unseen_ms, measured)


def test_a_uniform_change_needs_no_groups() -> None:
    measured = 1.3 * sums_ms(SPACE, VECTORS[:20])
    found = adapt(_times(VECTORS[:20]), measured)
    assert list(found.factors.values()) == pytest.approx([1.3] * len(found.factors), rel=1e-3)


def test_rows_carry_their_groups_factor() -> None:
    found = adapt(_times(VECTORS[:20]), 1.3 * sums_ms(SPACE, VECTORS[:20]))
    for operator, (base_ms, row) in base_latencies(SPACE, SPACE, TABLE).items():
        adapted = found.row(operator, base_ms, row)
        assert adapted.operator == operator
        assert adapted.latency_ms == pytest.approx(1.3 * base_ms, rel=1e-3)
    assert OVERHEAD in found.factors


def test_another_batch_starts_from_the_work() -> None:
    class Doubled(FakeSpace):
        def lower_factor(self, factor, choices):  # type: ignore[no-untyped-def]
            return [_doubled(p) for p in super().lower_factor(factor, choices)]

        def lower_reference(self):  # type: ignore[no-untyped-def]
            return [_doubled(p) for p in super().lower_reference()]

    found = base_latencies(SPACE, Doubled(cells=3), TABLE)
    assert {op.inputs[0][0] for op in found} == {2}
    for operator, (ms, row) in found.items():
        assert ms == pytest.approx(2 * row.latency_ms)
        assert row.operator.get("out") == operator.get("out")


def _doubled(placed):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    shapes = tuple((2, *shape[1:]) for shape in placed.operator.inputs)
    return replace(placed, operator=replace(placed.operator, inputs=shapes))
