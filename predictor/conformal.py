"""One-sided conformal upper bounds from calibration scores."""

from __future__ import annotations

import math

import numpy as np

from luts.errors import UserError
from predictor.extremes import Floats


def fewest_scores(level: float) -> int:
    """Fewest calibration scores with which a bound of that level is finite.

    Raises:
        UserError: the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise UserError(f"level {level} is not between 0 and 1; 0.95 is usual")
    return math.ceil(level / (1 - level) - 1e-9)


def upper_quantile(scores: Floats, level: float) -> float:
    """The ``ceil((n + 1) * level)``-th smallest of n scores.

    If the scores and the score of a fresh case are exchangeable, the fresh one is at most this
    with probability >= level (Vovk et al. 2005; Lei et al. 2018). What that covers depends on
    where the scores come from; see `predictor.calibration`.

    Args:
        scores: calibration scores, shape ``(n,)``; larger means further above the prediction.
        level: probability between 0 and 1.

    Raises:
        UserError: too few scores for a finite bound at that level.
    """
    _check_count(len(scores), level)
    return float(np.sort(scores)[_rank(len(scores), level) - 1])


def coverage_range(scores: int, level: float, share: float = 0.9) -> tuple[float, float]:
    """Between which coverages most bounds from so many scores lie.

    The level holds on average over calibration sets; with one set of n scores the share of fresh
    cases below the ``l``-th smallest follows Beta(l, n + 1 - l) (Vovk 2012, proposition 2a). With
    few scores a bound may well cover much more, or less, than its level.

    Args:
        scores: calibration scores.
        level: probability between 0 and 1.
        share: of calibration sets whose coverage lies in the range, tails cut off equally.

    Raises:
        UserError: too few scores for a finite bound at that level.
    """
    from scipy.stats import beta

    _check_count(scores, level)
    rank = _rank(scores, level)
    low, high = beta.interval(share, rank, scores + 1 - rank)
    return float(low), float(high)


def _rank(scores: int, level: float) -> int:
    # The small amount keeps 0.95 * 20 at 19 in binary arithmetic.
    return math.ceil((scores + 1) * level - 1e-9)


def _check_count(scores: int, level: float) -> None:
    needed = fewest_scores(level)
    if scores < needed:
        raise UserError(
            f"a bound at level {level} needs at least {needed} uniformly drawn networks, "
            f"the table has {scores}"
        )
