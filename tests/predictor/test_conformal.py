from __future__ import annotations

import numpy as np
import pytest

from luts.errors import UserError
from predictor.conformal import coverage_range, fewest_scores, upper_quantile


@pytest.mark.parametrize(
    ("count", "level", "rank"), [(19, 0.95, 19), (39, 0.95, 38), (99, 0.95, 95), (100, 0.95, 96),
                                 (9, 0.9, 9), (10, 0.9, 10), (1, 0.5, 1), (120, 0.95, 115)]
)
def test_the_rank_is_that_of_finite_samples(count: int, level: float, rank: int) -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    assert upper_quantile(scores, level) == rank


def test_too_few_scores_have_no_finite_bound() -> None:
    assert fewest_scores(0.95) == 19
    with pytest.raises(UserError, match=r"at least 19 .* has 18"):
        upper_quantile(np.zeros(18), 0.95)


def test_a_fresh_score_is_covered_as_often_as_promised() -> None:
    rng = np.random.default_rng(3)
    scores = rng.standard_cauchy((20_000, 30))
    bounds = np.array([upper_quantile(row[:29], 0.9) for row in scores])
    assert (scores[:, 29] <= bounds).mean() == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("count", "level"), [(27, 0.95), (60, 0.9), (120, 0.95)])
def test_most_bounds_cover_what_the_range_says(count: int, level: float) -> None:
    # Of uniform scores the bound itself is its coverage.
    scores = np.random.default_rng(5).uniform(size=(20_000, count))
    covered = np.array([upper_quantile(row, level) for row in scores])
    low, high = coverage_range(count, level)
    assert (covered < low).mean() == pytest.approx(0.05, abs=0.01)
    assert (covered > high).mean() == pytest.approx(0.05, abs=0.01)


def test_more_scores_narrow_the_range() -> None:
    few, many = coverage_range(27, 0.95), coverage_range(270, 0.95)
    assert few[0] < many[0] < 0.95 < many[1] < few[1]
    with pytest.raises(UserError, match=r"at least 19 .* has 18"):
        coverage_range(18, 0.95)
