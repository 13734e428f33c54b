from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from luts.errors import UserError
from predictor.base import LatencyPredictor, Prediction
from predictor.evaluation import (
    REFERENCE,
    REPEAT_EVERY,
    evaluate,
    fresh_architectures,
    levels_of,
    measuring_order,
)
from predictor.evaluation_result import Evaluation
from predictor.metrics import accuracy
from tests.fakes import FakeSpace
from tests.predictor.tables import distinct

SPACE = FakeSpace(cells=2)


class Doubles(LatencyPredictor):
    """Predicts 10 ms plus the sum of indices, with a bound 10 % above."""

    level = 0.95
    table_identity = "none"
    space = SPACE
    speed_margin = math.log(1.02)

    def predict(self, vectors: np.ndarray) -> Prediction:
        latency_ms = 10.0 + vectors.sum(axis=1)
        return Prediction(latency_ms, 1.1 * latency_ms)

    def predict_reference(self) -> tuple[float, float]:
        return 50.0, 55.0

    def save(self, folder: Path) -> None:
        raise AssertionError("not asked for here")

    def factor_costs(self) -> list:
        raise AssertionError("not asked for here")


def test_fresh_architectures_are_distinct_and_unknown() -> None:
    known = {tuple(v) for v in distinct(SPACE, 40, seed=0).tolist()}
    fresh = fresh_architectures(SPACE, known, 20, np.random.default_rng(0))
    assert fresh.shape == (20, 6)
    keys = {tuple(v) for v in fresh.tolist()}
    assert len(keys) == 20
    assert not keys & known


def test_an_exhausted_space_is_refused_with_numbers() -> None:
    known = set(itertools.islice(itertools.product((0, 1), repeat=6), 60))
    with pytest.raises(UserError, match=r"only 4 of 5 .* the 64 of 'fake'"):
        fresh_architectures(SPACE, known, 5, np.random.default_rng(0))


def test_every_network_is_measured_and_some_of_them_again() -> None:
    order = measuring_order(40, np.random.default_rng(0)).tolist()
    networks = [index for index in order if index != REFERENCE]
    assert sorted(networks) == sorted([*range(40), *range(0, 40, REPEAT_EVERY)])
    assert networks != sorted(networks)
    assert [i for i, index in enumerate(order) if index == REFERENCE] == [0, 21, 42, 53]


def test_measurements_meet_their_predictions() -> None:
    vectors = distinct(SPACE, 12, seed=3)
    seen: list[Path] = []

    def measure(path: Path) -> tuple[float, float]:
        assert path.is_file()
        seen.append(path)
        if path.stem == "-1":
            return 52.0, 1.04
        again = seen.count(path) == 2
        return 100.0 + int(path.stem) + (0.5 if again else 0.0), 1.04

    result = evaluate(Doubles(), vectors, measure, np.random.default_rng(0))
    np.testing.assert_array_equal(result.measured_ms, 100.0 + np.arange(12))
    np.testing.assert_array_equal(result.again_ms[::4], [100.5, 104.5, 108.5])
    assert np.isnan(np.delete(result.again_ms, [0, 4, 8])).all()
    np.testing.assert_array_equal(result.predicted_ms, 10.0 + vectors.sum(axis=1))
    assert result.reference_ms.tolist() == [52.0, 52.0]
    assert result.machine_shift == pytest.approx(0.04)
    assert result.accuracy_at_pace.bias == pytest.approx(1.04 * (1 + result.accuracy.bias) - 1)
    assert result.accuracy_at_pace.bound_width == pytest.approx(1.1 / 1.02 - 1)
    assert result.accuracy_at_level.bias == pytest.approx(result.accuracy_at_pace.bias), (
        "the reference is at its prediction once the pace is taken out")
    assert len(seen) == 17
    assert not any(path.exists() for path in seen)
    record = result.records()[1]
    assert record["vector"] == vectors[1].tolist()
    assert record["measured_ms"] == 101.0
    assert record["again_ms"] is None


def test_sessions_are_judged_at_the_level_that_the_reference_shows_around_them() -> None:
    """The machine becomes 10 % slower half-way, which the pace does not tell."""
    vectors = distinct(SPACE, 40, seed=3)
    known = Doubles().predict(vectors).latency_ms
    count = 0

    def measure(path: Path) -> tuple[float, float]:
        nonlocal count
        count += 1
        slower = 1.1 if count > 27 else 1.0
        return slower * (50.0 if path.stem == "-1" else known[int(path.stem)]), 1.0

    result = evaluate(Doubles(), vectors, measure, np.random.default_rng(0))
    assert result.accuracy_at_pace.mape > 0.03
    assert result.accuracy_at_level.mape < 0.5 * result.accuracy_at_pace.mape
    assert set(np.round(result.levels, 6)) > {1.0, 1.1}, "and what lies between"


def test_one_reading_of_the_reference_that_was_disturbed_changes_no_level() -> None:
    reference = np.zeros(41, dtype=bool)
    reference[::10] = True
    ratios = np.ones(41)
    ratios[20] = 1.3
    np.testing.assert_array_equal(levels_of(reference, ratios), 1.0)


def test_an_evaluation_that_was_broken_off_goes_on_where_it_stopped() -> None:
    vectors = distinct(SPACE, 12, seed=3)

    def results(earlier: list[tuple[float, float]]) -> tuple[Evaluation, list[tuple[float, float]]]:
        kept: list[tuple[float, float]] = []

        def measure(path: Path) -> tuple[float, float]:
            return 50.0 + len(earlier) + len(kept), 1.0

        found = evaluate(Doubles(), vectors, measure, np.random.default_rng(0), earlier,
                         kept.append)
        return found, kept

    whole, kept = results([])
    assert len(kept) == 17
    rest, further = results(kept[:9])
    assert further == kept[9:]
    assert rest.records() == whole.records()
    assert rest.reference_ms.tolist() == whole.reference_ms.tolist()


def test_figures_are_fractions_of_the_measurement() -> None:
    figures = accuracy(
        predicted_ms=np.array([103.0, 92.0, 100.0, 300.0]),
        upper_ms=np.array([110.0, 99.0, 100.0, 330.0]),
        measured_ms=np.array([100.0, 100.0, 100.0, 200.0]),
        again_ms=np.array([102.0, np.nan, np.nan, 200.0]),
    )
    assert figures.n == 4
    assert figures.mape == pytest.approx((0.03 + 0.08 + 0.0 + 0.5) / 4)
    assert figures.within_5 == 0.5
    assert figures.within_10 == 0.75
    assert figures.coverage == 0.75
    assert figures.noise == pytest.approx((2 / 101 + 0) / 2)
    assert figures.repeats == 2
    assert figures.bias == pytest.approx(0.015)
    assert figures.bound_width == pytest.approx(
        np.mean([110 / 103, 99 / 92, 1.0, 1.1]) - 1
    )


def test_no_measurements_have_no_figures() -> None:
    with pytest.raises(UserError, match="0 networks"):
        accuracy(*(np.empty(0) for _ in range(4)))
    with pytest.raises(UserError, match="0 of them twice"):
        accuracy(np.ones(2), np.ones(2), np.ones(2), np.full(2, np.nan))
