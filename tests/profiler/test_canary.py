from __future__ import annotations

import numpy as np
import pytest

from profiler._canary import Canary


def _series(course: np.ndarray, scatter: float, seed: int = 0) -> Canary:
    noise = 1 + scatter * np.random.default_rng(seed).normal(size=len(course))
    return Canary(np.arange(len(course)) * 10.0, 50 * course * noise)


def test_steady_machine_is_not_corrected() -> None:
    canary = _series(np.ones(30), 0.004)
    assert canary.drift().verdict == "steady"
    assert canary.factor()(155.0) == 1.0


def test_slow_drift_is_corrected() -> None:
    course = np.linspace(1, 1.2, 30)
    canary = _series(course, 0.004)
    drift = canary.drift()
    assert drift.verdict == "corrected"
    assert drift.change == pytest.approx(0.2 / 1.1, rel=0.05)
    factor = canary.factor()
    slowness = [factor(date) for date in np.arange(2, 28) * 10.0]
    assert slowness == pytest.approx(course[2:28] / np.median(course), rel=0.012)


def test_step_is_corrected_on_both_sides() -> None:
    canary = _series(np.repeat([1.0, 1.15], 15), 0.003)
    factor = canary.factor()
    assert canary.drift().verdict == "corrected"
    assert factor(280.0) / factor(20.0) == pytest.approx(1.15, rel=0.01)


def test_machine_that_doubles_its_time_fails() -> None:
    canary = _series(np.linspace(1, 2, 30), 0.004)
    assert canary.drift().verdict == "drifting"
    assert canary.factor()(290.0) == 1.0


def test_wild_scatter_fails() -> None:
    assert _series(np.ones(30), 0.12).drift().verdict == "drifting"


def test_single_outliers_are_ignored() -> None:
    course = np.ones(30)
    course[[4, 19]] = 3.0
    assert _series(course, 0.003).drift().verdict == "steady"


def test_the_level_is_the_median_and_not_known_without_timings() -> None:
    course = np.ones(31)
    course[[4, 19]] = 3.0
    assert _series(course, 0.003).drift().level_ms == pytest.approx(50, rel=0.003)
    assert Canary([0.0, 1.0], [5.0, 9.0]).drift().level_ms == 7.0
    assert Canary([], []).drift().level_ms == 0.0


def test_too_few_timings_say_nothing() -> None:
    assert Canary([], []).drift().canaries == 0
    assert Canary([0.0, 1.0], [5.0, 9.0]).factor()(0.5) == 1.0
