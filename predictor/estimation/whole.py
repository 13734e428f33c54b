"""From the prices of a network's operators to the latency of the whole, with an interval."""

from __future__ import annotations

from collections.abc import Sequence

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
# An interval's width is learned from how errors grow with the share that had to be estimated.
_BINS = 4


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


def difficulty(estimated_share: Floats, slope: float) -> Floats:
    """How uncertain a network is, relative to one that was measured throughout."""
    return np.asarray(1 + slope * estimated_share)


def fit_interval(residuals: Floats, estimated_share: Floats, level: float) -> tuple[float, float]:
    """Two-sided conformal interval whose width grows with the share that is estimated.

    Scores are ``|residual| / difficulty`` (normalised conformal prediction, Papadopoulos et al.
    2008); the slope of the difficulty is the least-squares line of absolute residuals over the
    share, never below 0.

    Args:
        residuals: log(measured / predicted) of networks that were not learned from, shape ``(n,)``.
        estimated_share: shape ``(n,)``.
        level: share of networks that the interval must hold.

    Returns:
        The margin in log units at difficulty 1, and the slope of the difficulty.
    """
    absolute = np.abs(residuals)
    design = np.column_stack([np.ones(len(absolute)), estimated_share])
    base, rise = np.linalg.lstsq(design, absolute, rcond=None)[0]
    # The line must not claim that what was measured has no error at all.
    base = max(float(base), float(absolute.mean()) / 3)
    slope = max(0.0, float(rise)) / base
    return upper_quantile(absolute / difficulty(estimated_share, slope), level), slope


def shares(priced: Sequence[Priced], source: str) -> Floats:
    """Share of the time that is known in one way, per network, shape ``(networks,)``."""
    return np.array([item.share(source) for item in priced])  # type: ignore[arg-type]
