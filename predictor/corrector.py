"""The learned correction of a table sum: a simple baseline, and boosted trees on its residual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.ensemble import TreeEnsemble
from predictor.extremes import Floats


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosting for about a hundred rows: shallow trees, few rounds, much shrinkage.

    Attributes:
        rounds: number of trees.
        depth: depth of a tree.
        rate: shrinkage of each tree.
        smoothing: L2 penalty on leaves, in rows of pseudo-evidence for "no correction".
        rows: share of the networks that each tree sees.
        columns: share of the features that each tree sees.
    """

    rounds: int = 60
    depth: int = 2
    rate: float = 0.05
    smoothing: float = 5.0
    rows: float = 0.7
    columns: float = 0.4


@dataclass(frozen=True, slots=True)
class Method:
    """How a correction is learned.

    Attributes:
        penalty: ridge penalty per standardised feature and network; None is a constant ratio.
        trees: boosting on the baseline's residual; None leaves the baseline as it is.
    """

    penalty: float | None = None
    trees: Trees | None = None

    @property
    def name(self) -> str:
        """Short text, such as ``ridge(0.1) + 60 trees of depth 2``."""
        base = "constant" if self.penalty is None else f"ridge({self.penalty:g})"
        if self.trees is None:
            return base
        return f"{base} + {self.trees.rounds} trees of depth {self.trees.depth}"


class Corrector:
    """Predicts log(measured / sum) from features.

    Args:
        method: how it was learned.
        mean: feature means of the training networks, shape ``(features,)``.
        weights: baseline slope per feature, shape ``(features,)``.
        intercept: baseline at the feature means.
        trees: boosted trees on the baseline's residual, if the method has them.
    """

    def __init__(
        self,
        method: Method,
        mean: Floats,
        weights: Floats,
        intercept: float,
        trees: TreeEnsemble | None = None,
    ) -> None:
        self.method = method
        self.mean = mean
        self.weights = weights
        self.intercept = intercept
        self.trees = trees

    @classmethod
    def fit(cls, method: Method, features: Floats, targets: Floats, seed: int) -> Corrector:
        """Learns the correction; equal inputs give equal results on one machine.

        Args:
            method: how to learn it.
            features: shape ``(networks, features)``.
            targets: log(measured / sum), shape ``(networks,)``.
            seed: seed of the trees' row and column draws.
        """
        wanted = _without_outliers(targets)
        mean = features.mean(axis=0)
        weights = np.zeros(features.shape[1])
        intercept = float(np.median(targets))
        if method.penalty is not None:
            intercept = float(wanted.mean())
            weights = _ridge(features - mean, wanted - intercept, method.penalty)
        corrector = cls(method, mean, weights, intercept)
        if method.trees is not None:
            residual = wanted - corrector(features)
            corrector.trees = _boost(method.trees, features, residual, seed)
        return corrector

    def __call__(self, features: Floats) -> Floats:
        """Corrections log(measured / sum), shape ``(count,)``.

        Args:
            features: shape ``(count, features)``.
        """
        correction = features @ self.weights + (self.intercept - self.mean @ self.weights)
        if self.trees is not None:
            correction += self.trees(features)
        return np.asarray(correction)


def _without_outliers(targets: Floats) -> Floats:
    """Targets pulled in to within 5 robust deviations: one disturbed network must not lead."""
    middle = np.median(targets)
    reach = 5 * 1.4826 * np.median(np.abs(targets - middle))
    return np.clip(targets, middle - reach, middle + reach) if reach > 0 else targets


def _ridge(centred: Floats, targets: Floats, penalty: float) -> Floats:
    """Slopes of a ridge regression on standardised columns, given back per raw unit."""
    spread = centred.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    standard = centred / scale
    gram = standard.T @ standard / len(standard)
    slopes = np.linalg.solve(
        gram + penalty * np.eye(len(gram)), standard.T @ targets / len(standard)
    )
    return np.asarray(slopes / scale)


def _boost(trees: Trees, features: Floats, residual: Floats, seed: int) -> TreeEnsemble:
    import xgboost

    settings: dict[str, Any] = {
        "objective": "reg:squarederror",
        "base_score": 0.0,
        "max_depth": trees.depth,
        "eta": trees.rate,
        "lambda": trees.smoothing,
        "min_child_weight": 5,
        "subsample": trees.rows,
        "colsample_bytree": trees.columns,
        "tree_method": "exact",
        "nthread": 1,  # sums in one order, so that a seed gives one result
        "seed": seed,
        "verbosity": 0,
    }
    data = xgboost.DMatrix(features.astype(np.float32), label=residual, nthread=1)
    booster = xgboost.train(settings, data, num_boost_round=trees.rounds)
    return TreeEnsemble.parse(bytes(booster.save_raw(raw_format="json")), features.shape[1])
