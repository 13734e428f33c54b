"""Does the supernet rank architectures as training them alone does?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from luts.errors import UserError

_RESAMPLES = 2000
_SEED = 7

Floats = npt.NDArray[np.float64]


class RankAgreement(TypedDict):
    """How far two rankings of the same networks agree.

    Attributes:
        kendall: Kendall's tau-b, 1 for the same order.
        kendall_p: probability of a tau so far from 0 if the orders had nothing to do with each
            other.
        kendall_low: lower end of the bootstrap's 90 % interval over networks.
        kendall_high: its upper end.
        spearman: Spearman's rank correlation.
        networks: how many.
    """

    kendall: float
    kendall_p: float
    kendall_low: float
    kendall_high: float
    spearman: float
    networks: int


def rank_agreement(one: Sequence[float], two: Sequence[float]) -> RankAgreement:
    """Compares two scores of the same networks.

    Args:
        one: a score per network, such as the error with inherited weights.
        two: another, such as the error when trained alone.

    Raises:
        ValueError: fewer than 3 networks.
        UserError: all of them score the same.
    """
    from scipy.stats import kendalltau, spearmanr

    a, b = np.asarray(one, np.float64), np.asarray(two, np.float64)
    if len(a) != len(b) or len(a) < 3:
        raise ValueError(f"ranks of {len(a)} and {len(b)} networks; at least 3 are needed")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        alike = a if np.ptp(a) == 0 else b
        raise UserError(f"all {len(alike)} networks score {alike[0]:g}, so there is no order to "
                        "compare; train for longer, or score on more examples")
    tau = kendalltau(a, b)
    low, high = _interval(a, b)
    return {
        "kendall": float(tau.statistic), "kendall_p": float(tau.pvalue), "kendall_low": low,
        "kendall_high": high, "spearman": float(spearmanr(a, b).statistic), "networks": len(a),
    }


def _interval(a: Floats, b: Floats) -> tuple[float, float]:
    """Percentile bootstrap over networks; draws of one network alone are left out."""
    from scipy.stats import kendalltau

    rng = np.random.default_rng(_SEED)
    found: list[float] = []
    for _ in range(_RESAMPLES):
        chosen = rng.integers(0, len(a), len(a))
        tau = float(kendalltau(a[chosen], b[chosen]).statistic)
        if np.isfinite(tau):
            found.append(tau)
    low, high = np.quantile(found, (0.05, 0.95))
    return float(low), float(high)
