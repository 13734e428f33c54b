"""Plain predictors that the benchmarks compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Predict = Callable[[Floats], Floats]
_LEAST = 1e-3


def xgboost_log(values: Floats, latency_ms: Floats, *, rounds: int, depth: int,
                seed: int = 0) -> Predict:  # fmt: skip
    """XGBoost on the logarithm of latencies.

    Args:
        values: features, shape ``(rows, features)``.
        latency_ms: shape ``(rows,)``.
        rounds: trees.
        depth: of a tree.
        seed: of its draws.
    """
    import xgboost

    settings: dict[str, Any] = {"max_depth": depth, "eta": 0.05, "subsample": 0.8,
                                "colsample_bytree": 0.8, "tree_method": "hist", "nthread": 1,
                                "seed": seed, "verbosity": 0}  # fmt: skip
    data = xgboost.DMatrix(values, label=np.log(latency_ms), nthread=1)
    trees = xgboost.train(settings, data, num_boost_round=rounds)
    return lambda rows: np.exp(trees.predict(xgboost.DMatrix(rows, nthread=1)).astype(float))


def ridge(values: Floats, latency_ms: Floats, *, logarithmic: bool) -> Predict:
    """Ridge regression whose penalty is chosen on left-out rows (scikit-learn's RidgeCV)."""
    from sklearn.linear_model import RidgeCV

    centre, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    targets = np.log(latency_ms) if logarithmic else latency_ms / latency_ms.mean()
    model = RidgeCV(np.logspace(-4, 4, 17)).fit((values - centre) / scale, targets)

    def predict(rows: Floats) -> Floats:
        found: Floats = model.predict((rows - centre) / scale)
        return np.exp(found) if logarithmic else np.maximum(found, _LEAST) * latency_ms.mean()

    return predict


def line(work: Floats, latency_ms: Floats) -> Predict:
    """A straight line in one number, such as FLOPs: shapes ``(rows,)`` and ``(rows, 1)``."""
    slope, offset = np.polyfit(work.ravel(), latency_ms, 1)
    return lambda rows: np.maximum(slope * rows.ravel() + offset, _LEAST * latency_ms.mean())


def additive(values: Floats, latency_ms: Floats) -> Predict:
    """A look-up table fitted by least squares: a latency per choice, summed up."""
    design = np.column_stack([values, np.ones(len(values))])
    cost = np.linalg.lstsq(design, latency_ms, rcond=None)[0]

    def predict(rows: Floats) -> Floats:
        found = np.column_stack([rows, np.ones(len(rows))]) @ cost
        return np.asarray(np.maximum(found, _LEAST * latency_ms.mean()))

    return predict


def one_proxy(known_ms: Floats, latency_ms: Floats) -> Predict:
    """The known device that ranks the sample most alike (Lu et al. 2021, OneProxy), and a line.

    Args:
        known_ms: latencies of the sample on the known devices, shape ``(rows, devices)``.
        latency_ms: on the new device, shape ``(rows,)``.
    """
    from scipy.stats import spearmanr

    ranks = [spearmanr(column, latency_ms)[0] for column in known_ms.T]
    best = int(np.nanargmax(ranks))
    fitted = line(known_ms[:, best], latency_ms)
    return lambda rows: fitted(rows[:, best])
