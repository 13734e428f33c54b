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
    needed = fewest_scores(level)
    if len(scores) < needed:
        raise UserError(
            f"a bound at level {level} needs at least {needed} uniformly drawn networks, "
            f"the table has {len(scores)}"
        )
    # The small amount keeps 0.95 * 20 at 19 in binary arithmetic.
    rank = math.ceil((len(scores) + 1) * level - 1e-9)
    return float(np.sort(scores)[rank - 1])
