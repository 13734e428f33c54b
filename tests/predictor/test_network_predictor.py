from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from luts.errors import CorruptFileError, MissingOperatorError, UserError
from luts.table import Drift, LatencyTable
from predictor.network import NetworkPredictor, load_network_predictor
from tests.conformance.predictor import LatencyPredictorConformance, Reload
from tests.fakes import FakeSpace
from tests.predictor.tables import (
    distinct,
    kernel_correction,
    make_table,
    sums_ms,
)

SPACE = FakeSpace(cells=3)
VECTORS = distinct(SPACE, 90, seed=1)
FRESH = distinct(SPACE, 400, seed=2)


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    return make_table(SPACE, VECTORS, factor=kernel_correction, noise=0.01)


@pytest.fixture(scope="module")
def fitted(table: LatencyTable) -> NetworkPredictor:
    return NetworkPredictor.fit(SPACE, table)


class TestConformance(LatencyPredictorConformance):
    @pytest.fixture
    def predictor(self, fitted: NetworkPredictor) -> NetworkPredictor:
        return fitted

    @pytest.fixture
    def reload(self, table: LatencyTable) -> Reload:
        return lambda folder: load_network_predictor(folder, table, SPACE)


def test_without_corrections_it_predicts_the_sum() -> None:
    predictor = NetworkPredictor.fit(SPACE, make_table(SPACE, VECTORS))
    prediction = predictor.predict(FRESH)
    np.testing.assert_allclose(prediction.latency_ms, sums_ms(SPACE, FRESH), rtol=1e-6)
    np.testing.assert_allclose(prediction.upper_ms, prediction.latency_ms, rtol=1e-6)


def test_a_constant_ratio_is_found() -> None:
    table = make_table(SPACE, VECTORS, factor=lambda v: np.full(len(v), 1.25))
    prediction = NetworkPredictor.fit(SPACE, table).predict(FRESH)
    np.testing.assert_allclose(prediction.latency_ms, 1.25 * sums_ms(SPACE, FRESH), rtol=1e-6)


def test_it_learns_what_the_sum_lacks(fitted: NetworkPredictor) -> None:
    truth = sums_ms(SPACE, FRESH) * kernel_correction(FRESH)
    error = np.abs(fitted.predict(FRESH).latency_ms / truth - 1).mean()
    ratio = sums_ms(SPACE, FRESH) / truth
    constant = np.abs(ratio / np.median(ratio) - 1).mean()
    assert constant > 0.03
    assert error < 0.01


def test_with_nothing_to_learn_it_is_hardly_worse_than_a_constant() -> None:
    predictor = NetworkPredictor.fit(SPACE, make_table(SPACE, VECTORS, noise=0.03))
    error = np.abs(predictor.predict(FRESH).latency_ms / sums_ms(SPACE, FRESH) - 1).mean()
    assert error < 0.01


def test_the_bound_covers_fresh_sessions_at_its_level() -> None:
    """Over 8 campaigns; the standard error of the mean coverage is about 0.012."""
    shares, space = [], FakeSpace(cells=4)
    for seed in range(8):
        vectors = distinct(space, 60, seed=seed)
        table = make_table(space, vectors, factor=kernel_correction, noise=0.02, seed=seed)
        fresh = distinct(space, 300, seed=1000 + seed)
        noise = np.exp(np.random.default_rng(2000 + seed).normal(0, 0.02, len(fresh)))
        measured = sums_ms(space, fresh) * kernel_correction(fresh) * noise
        predictor = NetworkPredictor.fit(space, table, level=0.9)
        shares.append((measured <= predictor.predict(fresh).upper_ms).mean())
    assert 0.86 <= np.mean(shares) <= 0.97


def test_slow_networks_are_covered_as_well_as_fast_ones() -> None:
    """Errors grow with latency; over 6 campaigns of 200 networks, each third at its level."""
    space, covered = FakeSpace(cells=4), []
    for seed in range(6):
        def noisy(vectors: np.ndarray, seed: int) -> np.ndarray:
            times = sums_ms(space, vectors)
            spread = 0.02 * (times / 0.6) ** 1.5
            return times * np.exp(spread * np.random.default_rng(seed).normal(size=len(times)))

        vectors = distinct(space, 200, seed=seed)
        table = make_table(space, vectors, factor=lambda v, s=seed: noisy(v, s) / sums_ms(space, v))
        predictor = NetworkPredictor.fit(space, table, level=0.9)
        fresh = distinct(space, 600, seed=100 + seed)
        measured, order = noisy(fresh, 50 + seed), np.argsort(sums_ms(space, fresh))
        below = (measured <= predictor.predict(fresh).upper_ms)[order]
        covered.append([third.mean() for third in np.array_split(below, 3)])
    assert predictor.record.margin_slope > 0.5
    assert np.abs(np.mean(covered, axis=0) - 0.9).max() < 0.08


def test_a_higher_level_gives_a_wider_bound(table: LatencyTable) -> None:
    margins = [NetworkPredictor.fit(SPACE, table, level=v).record.margin for v in (0.5, 0.8, 0.95)]
    assert margins[0] < margins[1] < margins[2]


def test_only_uniform_draws_calibrate() -> None:
    """Chosen networks that take twice their prediction must not widen the bound."""
    def odd(vectors: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(vectors)) < 80, 1.0, 2.0)

    predictor = NetworkPredictor.fit(SPACE, make_table(SPACE, VECTORS, factor=odd, uniform=80))
    assert predictor.record.quality.networks == 80
    assert predictor.record.margin < 0.1


def test_the_bound_is_for_the_clock_and_the_prediction_for_the_corrected_latency() -> None:
    plain = NetworkPredictor.fit(SPACE, make_table(SPACE, VECTORS))
    slow = NetworkPredictor.fit(SPACE, make_table(SPACE, VECTORS, slowness=1.1))
    np.testing.assert_allclose(slow.predict(FRESH).latency_ms, plain.predict(FRESH).latency_ms)
    assert slow.record.margin == pytest.approx(np.log(1.1), abs=1e-6)


def test_the_bound_holds_in_the_slower_state_of_a_machine_that_has_two() -> None:
    states = np.where(np.arange(len(VECTORS)) % 2, 1.07, 0.99)
    table = make_table(SPACE, VECTORS, noise=0.01, slowness=states)
    predictor = NetworkPredictor.fit(SPACE, table, level=0.9)
    assert predictor.record.speed_margin == pytest.approx(np.log(1.07))
    noise = np.exp(np.random.default_rng(5).normal(0, 0.01, len(FRESH)))
    in_the_slow_state = 1.07 * sums_ms(SPACE, FRESH) * noise
    covered = (in_the_slow_state <= predictor.predict(FRESH).upper_ms).mean()
    assert 0.8 <= covered < 1


def test_the_bound_carries_how_uncertain_the_level_of_the_machine_is() -> None:
    """Later sessions share a level that scatters by 2 %, as the campaign's canary did."""
    table = make_table(SPACE, VECTORS, noise=0.01, drift=Drift(spread=0.02))
    predictor = NetworkPredictor.fit(SPACE, table)
    bare = NetworkPredictor.fit(SPACE, make_table(SPACE, VECTORS, noise=0.01))
    rng, covered = np.random.default_rng(8), []
    for _ in range(200):
        session = sums_ms(SPACE, FRESH) * np.exp(
            rng.normal(0, 0.02) + rng.normal(0, 0.01, len(FRESH)))
        covered.append([(session <= p.predict(FRESH).upper_ms).mean() for p in (predictor, bare)])
    with_level, without = np.mean(covered, axis=0)
    assert without < 0.88
    assert with_level > 0.92


def test_the_reference_has_its_own_measurement() -> None:
    table = make_table(SPACE, VECTORS)
    measured = [s.latency_ms for s in table.networks if s.vector is None]
    assert NetworkPredictor.fit(SPACE, table).predict_reference()[0] == measured[0]


def test_a_canary_that_was_timed_more_often_tells_the_reference() -> None:
    for canaries, wanted in ((23, 61.5), (1, None)):
        drift = Drift(canaries=canaries, level_ms=61.5)
        table = make_table(SPACE, VECTORS, drift=drift)
        measured = next(s.latency_ms for s in table.networks if s.vector is None)
        found = NetworkPredictor.fit(SPACE, table).predict_reference()[0]
        assert found == (wanted or measured)


def test_a_reference_without_measurement_is_summed() -> None:
    table = make_table(SPACE, VECTORS, factor=lambda v: np.full(len(v), 1.25), reference=False)
    latency_ms, _ = NetworkPredictor.fit(SPACE, table).predict_reference()
    assert latency_ms == pytest.approx(1.25 * table.latency_ms(SPACE.lower_reference()))


def test_a_seed_gives_one_predictor(table: LatencyTable, fitted: NetworkPredictor) -> None:
    again = NetworkPredictor.fit(SPACE, table)
    assert again.record == fitted.record.model_copy(
        update={"trees_sha256": None, "sealed_sha256": ""}
    )
    np.testing.assert_array_equal(
        again.predict(FRESH).latency_ms, fitted.predict(FRESH).latency_ms
    )


def test_populations_are_not_lowered_one_by_one(
    fitted: NetworkPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("lowered while predicting")

    monkeypatch.setattr(FakeSpace, "lower_factor", refuse)
    population = SPACE.sample(np.random.default_rng(0), 30_000)
    assert fitted.predict(population).latency_ms.shape == (30_000,)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"complete": False}, ["partial", "--resume"]),
        ({"drift": Drift(verdict="drifting", movement=0.25)}, ["25.0%", "--accept-drift"]),
        ({"space_hash": "0" * 64}, ["another space", "profiler.build_lut"]),
        ({"recipe": "other"}, ["another space", "'other'"]),
    ],
)
def test_unfit_tables_are_refused(info: dict[str, object], words: list[str]) -> None:
    table = make_table(SPACE, VECTORS, **info)
    with pytest.raises(UserError) as caught:
        NetworkPredictor.fit(SPACE, table)
    assert all(word in str(caught.value) for word in words)


def test_a_drifting_table_can_be_accepted() -> None:
    table = make_table(SPACE, VECTORS, drift=Drift(verdict="drifting", movement=0.25))
    assert NetworkPredictor.fit(SPACE, table, accept_drift=True).record.networks == len(VECTORS)


def test_too_few_networks_are_refused() -> None:
    with pytest.raises(UserError, match=r"39 networks.*needs 40"):
        NetworkPredictor.fit(SPACE, make_table(SPACE, VECTORS[:39]))
    with pytest.raises(UserError, match="at least 19 uniformly"):
        NetworkPredictor.fit(SPACE, make_table(SPACE, VECTORS, uniform=18))


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_levels_are_between_0_and_1(table: LatencyTable, level: float) -> None:
    with pytest.raises(UserError, match="not between 0 and 1"):
        NetworkPredictor.fit(SPACE, table, level=level)


def test_a_missing_operator_is_never_free(table: LatencyTable) -> None:
    short = LatencyTable(table.info, table.rows[1:], table.networks)
    with pytest.raises(MissingOperatorError, match="not in the table"):
        NetworkPredictor.fit(SPACE, short)


def test_another_table_is_refused(fitted: NetworkPredictor, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    other = make_table(SPACE, VECTORS, factor=kernel_correction, noise=0.01, seed=5)
    with pytest.raises(UserError, match=r"fitted to table .* predictor\.fit --target cpu"):
        NetworkPredictor.load(tmp_path, other, SPACE)


@pytest.mark.parametrize("name", ["predictor.json", "trees.json"])
@pytest.mark.parametrize("damage", ["truncated", "edited", "absent"])
def test_damaged_files_are_refused(
    fitted: NetworkPredictor, table: LatencyTable, tmp_path: Path, name: str, damage: str
) -> None:
    fitted.save(tmp_path)
    path = tmp_path / name
    text = path.read_text()
    if damage == "truncated":
        path.write_text(text[: len(text) // 2])
    elif damage == "edited":
        path.write_text(text.replace("0", "1", 1))
        assert path.read_text() != text
    else:
        path.unlink()
    expected = UserError if (name, damage) == ("predictor.json", "absent") else CorruptFileError
    with pytest.raises(expected, match=name):
        NetworkPredictor.load(tmp_path, table, SPACE)
