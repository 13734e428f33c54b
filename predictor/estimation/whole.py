"""From the prices of a network's operators to the latency of the whole, with an interval."""

from __future__ import annotations

import numpy as np

from luts._costs import cost_of, has_cost
from predictor.calibration import choose
from predictor.conformal import upper_quantile
from predictor.corrector import Corrector, Method
from predictor.estimation.prices import Priced
from predictor.extremes import Floats

FEATURES = ("log_ms", "log_steps_per_ms", "products", "convolutions", "pointwise", "depthwise",
            "copies", "tiny", "estimated", "log_gflops", "log_parameters_mb")
_PRODUCTS = ("linear", "matmul")
_TINY_MS = 0.02
_COPIES = ("view", "split", "transpose", "join", "reorder_input", "reorder_output", "gather",
           "slice", "pad", "expand")
METHODS = (Method(), Method(3.0), Method(0.3), Method(0.03))
_LEAST_DOUBT = 0.005


def features(priced: Priced) -> Floats:
    """What the correction sees of a network, shape ``(len(FEATURES),)``."""
    total = priced.latency_ms.sum()
    kinds = np.array([operator.kind for operator in priced.operators])

    def share(*names: str) -> float:
        return float(priced.latency_ms[np.isin(kinds, names)].sum() / total)

    costs = [cost_of(operator) for operator in priced.operators if has_cost(operator.kind)]
    flops = max(1.0, float(sum(cost.flops for cost in costs)))
    parameters = float(sum(cost.parameters for cost in costs))
    return np.array([
        np.log(total), np.log(len(kinds) / total), share(*_PRODUCTS),
        share("conv", "grouped_conv", "stem_conv"), share("pointwise_conv"),
        share("depthwise_conv"), share(*_COPIES),
        priced.latency_ms[priced.latency_ms < _TINY_MS].sum() / total,
        priced.share("estimated"), np.log(flops / total / 1e6),
        np.log(1 + 4 * parameters / 1e6),
    ])


def correction(values: Floats, targets: Floats, seed: int) -> tuple[Corrector, dict[str, float]]:
    """The correction that cross-validation finds best.

    Args:
        values: shape ``(networks, len(FEATURES))``.
        targets: log(measured / sum), shape ``(networks,)``.
        seed: seed of the splits.

    Returns:
        The correction, and the mean absolute log error of each candidate by name.
    """
    method, errors = choose(values, targets, seed, candidates=METHODS)
    return Corrector.fit(method, values, targets, seed), errors


def difficulty(doubt: Floats, floor: float) -> Floats:
    """Expected size of a network's error in log units, up to a common factor, shape ``(n,)``.

    Args:
        doubt: what estimates bring in, see `Priced.doubt`, shape ``(n,)``.
        floor: what remains where everything was measured.
    """
    return np.asarray(np.sqrt(floor**2 + doubt**2))


def fit_interval(residuals: Floats, doubt: Floats, level: float) -> tuple[float, float]:
    """Two-sided conformal interval that is wider where more was estimated, and less surely.

    Scores are ``|residual| / difficulty`` (normalised conformal prediction, Papadopoulos et al.
    2008). The difficulty's floor is the likeliest, were the errors normal.

    Args:
        residuals: log(measured / predicted) of networks that were not learned from, shape ``(n,)``.
        doubt: of the same networks, shape ``(n,)``.
        level: share of networks that the interval must hold.

    Returns:
        The factor on the difficulty, and its floor.
    """
    usual = max(float(np.median(doubt)), _LEAST_DOUBT)

    def surprise(floor: float) -> float:
        size = difficulty(doubt, floor)
        return float(np.log(size).mean() + 0.5 * np.log(np.mean((residuals / size) ** 2)))

    # With a floor of three times the usual doubt, doubt still counts.
    floor = min(usual * np.geomspace(0.1, 3, 30), key=surprise)
    return upper_quantile(np.abs(residuals) / difficulty(doubt, floor), level), float(floor)
