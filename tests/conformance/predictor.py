"""What every LatencyPredictor must do; inherit and give the two fixtures."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from luts.errors import UserError
from luts.space import OperatorSpace
from predictor.base import LatencyPredictor

Reload = Callable[[Path], LatencyPredictor]


class LatencyPredictorConformance:
    """Tests of the seam.

    Subclasses define the fixtures ``predictor`` (a fitted one of a space with few enough
    architectures to list) and ``reload`` (reads a folder that ``save`` wrote).
    """

    @staticmethod
    def everything(space: OperatorSpace) -> np.ndarray:
        assert space.size <= 100_000
        choices = [range(int(n)) for n in space.cardinalities]
        return np.array(list(itertools.product(*choices)), dtype=np.int64)

    def test_one_latency_and_one_bound_per_architecture(self, predictor: LatencyPredictor) -> None:
        population = self.everything(predictor.space)
        prediction = predictor.predict(population)
        assert prediction.latency_ms.shape == prediction.upper_ms.shape == (len(population),)
        assert prediction.latency_ms.dtype == prediction.upper_ms.dtype == np.float64
        assert np.isfinite(prediction.upper_ms).all()
        assert (prediction.latency_ms > 0).all()
        assert (prediction.upper_ms > 0).all()

    def test_a_population_is_predicted_as_its_members_are(
        self, predictor: LatencyPredictor
    ) -> None:
        population = predictor.space.sample(np.random.default_rng(0), 50)
        together = predictor.predict(population)
        alone = [predictor.predict(vector[None]) for vector in population]
        np.testing.assert_allclose(
            together.latency_ms, [p.latency_ms[0] for p in alone], rtol=1e-6
        )
        np.testing.assert_allclose(together.upper_ms, [p.upper_ms[0] for p in alone], rtol=1e-6)

    def test_an_empty_population_is_fine(self, predictor: LatencyPredictor) -> None:
        empty = np.empty((0, len(predictor.space.decisions)), dtype=np.int64)
        assert predictor.predict(empty).upper_ms.shape == (0,)

    def test_prediction_leaves_its_input_alone(self, predictor: LatencyPredictor) -> None:
        population = predictor.space.sample(np.random.default_rng(0), 5)
        before = population.copy()
        predictor.predict(population)
        np.testing.assert_array_equal(population, before)

    def test_wrong_vectors_are_refused(self, predictor: LatencyPredictor) -> None:
        decisions = len(predictor.space.decisions)
        good = np.zeros((3, decisions), dtype=np.int64)
        too_large, negative = good.copy(), good.copy()
        too_large[1, 0] = predictor.space.cardinalities[0]
        negative[2, decisions - 1] = -1
        for wrong in (good[0], good[:, 1:], good.astype(float), too_large, negative):
            with pytest.raises(UserError):
                predictor.predict(wrong)

    def test_the_reference_has_a_latency_and_a_bound(self, predictor: LatencyPredictor) -> None:
        latency_ms, upper_ms = predictor.predict_reference()
        assert 0 < latency_ms < np.inf
        assert 0 < upper_ms < np.inf

    def test_fastest_and_slowest_are_exact(self, predictor: LatencyPredictor) -> None:
        space, costs = predictor.space, predictor.factor_costs()
        population = self.everything(space)
        total = np.zeros(len(population))
        for factor, cost in zip(space.factors, costs, strict=True):
            assert cost.shape == (len(space.factor_choices(factor)),)
            total += cost[space.factor_rows(factor, population)]

        def cost_of(vector: np.ndarray) -> float:
            return float(total[(population == vector).all(axis=1)].item())

        assert cost_of(predictor.fastest()) == pytest.approx(total.min(), rel=1e-12)
        assert cost_of(predictor.slowest()) == pytest.approx(total.max(), rel=1e-12)

    def test_the_interval_is_that_of_the_predictions(self, predictor: LatencyPredictor) -> None:
        low, high = predictor.interval_ms()
        assert 0 < low < high
        assert low == pytest.approx(predictor.predict(predictor.fastest()[None]).latency_ms[0])
        assert high == pytest.approx(predictor.predict(predictor.slowest()[None]).latency_ms[0])

    def test_saved_and_loaded_it_predicts_the_same(
        self, predictor: LatencyPredictor, reload: Reload, tmp_path: Path
    ) -> None:
        predictor.save(tmp_path / "saved")
        again = reload(tmp_path / "saved")
        population = self.everything(predictor.space)
        before, after = predictor.predict(population), again.predict(population)
        np.testing.assert_array_equal(before.latency_ms, after.latency_ms)
        np.testing.assert_array_equal(before.upper_ms, after.upper_ms)
        assert again.predict_reference() == predictor.predict_reference()
        assert again.level == predictor.level
        assert again.table_identity == predictor.table_identity
