from __future__ import annotations

import numpy as np

from predictor.calibration import CANDIDATES, choose, folds, out_of_fold
from predictor.corrector import Corrector, Method, Trees

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(120, 12))
LINEAR = 0.05 * FEATURES[:, 0] - 0.03 * FEATURES[:, 5]
STEP = 0.1 * ((FEATURES[:, 2] > 0) & (FEATURES[:, 3] > 0))
NOISE = RNG.normal(0, 0.01, 120)


def test_every_network_is_held_out_once() -> None:
    parts = list(folds(23, 5, np.random.default_rng(1)))
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(23))
    for train, held in parts:
        assert sorted([*train, *held]) == list(range(23))


def test_the_method_suits_the_data() -> None:
    assert choose(FEATURES, LINEAR + NOISE, 0)[0].penalty is not None
    assert choose(FEATURES, STEP + NOISE, 0)[0].trees is not None
    assert choose(FEATURES, np.full(120, 0.3), 0)[0] == Method()


def test_all_candidates_are_compared() -> None:
    method, errors = choose(FEATURES, STEP + NOISE, 0)
    assert list(errors) == [candidate.name for candidate in CANDIDATES]
    assert errors[method.name] == min(errors.values())


def test_out_of_fold_corrections_have_not_seen_their_target() -> None:
    """One target is moved far away: its own correction must not follow."""
    moved = LINEAR + NOISE
    before = out_of_fold(FEATURES, moved, 0)
    moved = moved.copy()
    moved[7] += 5.0
    assert abs(out_of_fold(FEATURES, moved, 0)[7] - before[7]) < 1e-9


def test_one_disturbed_network_does_not_lead() -> None:
    targets = LINEAR + NOISE
    disturbed = targets.copy()
    disturbed[3] = 10.0
    for method in (Method(), Method(0.3), Method(0.3, Trees())):
        clean = Corrector.fit(method, FEATURES, targets, 0)(FEATURES)
        dirty = Corrector.fit(method, FEATURES, disturbed, 0)(FEATURES)
        others = np.arange(120) != 3
        assert np.abs(clean - dirty)[others].mean() < 0.02


def test_constant_features_do_no_harm() -> None:
    features = np.column_stack([FEATURES, np.ones(120)])
    corrections = Corrector.fit(Method(0.3), features, LINEAR + NOISE, 0)(features)
    assert np.isfinite(corrections).all()
    assert np.abs(corrections - LINEAR).mean() < 0.02
