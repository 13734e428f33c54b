"""What is learned of log(measured / ceiling): a ridge, boosted trees, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.extremes import Floats


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to learn; the fields are the hyperparameters that cross-validation chooses among.

    Attributes:
        penalty: ridge penalty per standardised feature and row; None leaves the ridge out.
        rounds: number of trees; 0 leaves them out.
        depth: depth of a tree.
        rate: shrinkage of each tree.
        smoothing: L2 penalty on leaves.
        leaf: fewest rows in a leaf.
    """

    penalty: float | None = None
    rounds: int = 0
    depth: int = 6
    rate: float = 0.1
    smoothing: float = 2.0
    leaf: int = 5

    @property
    def name(self) -> str:
        """Short text, such as ``ridge(0.1) + 60 trees of depth 2``."""
        parts = [] if self.penalty is None else [f"ridge({self.penalty:g})"]
        parts += [f"{self.rounds} trees of depth {self.depth}"] if self.rounds else []
        return " + ".join(parts) or "ceiling alone"


# From the simplest on: a later one must be better to be chosen.
_FEW = (Recipe(), Recipe(penalty=1.0), Recipe(penalty=0.1))
_SOME = (*_FEW, Recipe(rounds=100, depth=3), Recipe(penalty=0.1, rounds=150, depth=3),
         Recipe(rounds=300, depth=4, rate=0.06))  # fmt: skip
_MANY = (Recipe(), Recipe(penalty=0.1), Recipe(rounds=200, depth=4, leaf=10),
         Recipe(rounds=800, depth=6, rate=0.05, leaf=3))  # fmt: skip
# Deep trees learn the devices rather than the operators.
_DEVICES = _MANY[:3]


def recipes_for(rows: int, devices: int = 1) -> tuple[Recipe, ...]:
    """Candidates that so many rows can tell apart, the simplest first."""
    if rows < 8:
        return _FEW[:1]
    if rows < 40:
        return _FEW
    if rows < 1500:
        return _SOME
    return _MANY if devices == 1 else _DEVICES


class Learner:
    """A fitted recipe.

    Args:
        recipe: how it was learned.
        centre: feature means, shape ``(features,)``.
        weights: ridge slopes per raw unit, shape ``(features,)``.
        intercept: mean of the targets.
        low: smallest value of each feature in training; the ridge goes on from there flat.
        high: largest value of each feature in training.
        trees: an xgboost Booster on the ridge's residual, or None.
    """

    def __init__(
        self,
        recipe: Recipe,
        centre: Floats,
        weights: Floats,
        intercept: float,
        low: Floats,
        high: Floats,
        trees: Any = None,
    ) -> None:
        self.recipe = recipe
        self.centre = centre
        self.weights = weights
        self.intercept = intercept
        self.low = low
        self.high = high
        self.trees = trees

    @classmethod
    def fit(
        cls, recipe: Recipe, values: Floats, targets: Floats, signs: Sequence[int], seed: int
    ) -> Learner:
        """Learns; equal inputs give equal results on one machine.

        Args:
            recipe: how to learn.
            values: features, shape ``(rows, features)``.
            targets: log(measured / ceiling), shape ``(rows,)``.
            signs: +1 for features in which trees may only rise, else 0.
            seed: seed of the trees' draws.
        """
        centre, intercept = values.mean(axis=0), float(targets.mean())
        weights = np.zeros(values.shape[1])
        if recipe.penalty is not None:
            weights = _ridge(values - centre, targets - intercept, recipe.penalty)
        learner = cls(recipe, centre, weights, intercept, values.min(axis=0), values.max(axis=0))
        if recipe.rounds:
            learner.trees = _boost(recipe, values, targets - learner(values), signs, seed)
        return learner

    def __call__(self, values: Floats) -> Floats:
        """Predicted log(measured / ceiling), shape ``(rows,)``; flat outside the trained range."""
        inside = np.clip(values, self.low, self.high)
        found = (inside - self.centre) @ self.weights + self.intercept
        if self.trees is not None and len(values):
            import xgboost

            data = xgboost.DMatrix(values.astype(np.float32), nthread=1)
            found = found + self.trees.predict(data)
        return np.asarray(found, dtype=float)

    def beyond(self, values: Floats) -> Floats:
        """How far each row lies outside the trained range: the largest excess of any feature."""
        excess = np.maximum(self.low - values, values - self.high)
        return np.asarray(np.maximum(excess, 0.0).max(axis=1, initial=0.0))


def _ridge(centred: Floats, targets: Floats, penalty: float) -> Floats:
    spread = centred.std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    standard = np.where(spread > 1e-9, centred / scale, 0.0)
    gram = standard.T @ standard / len(standard)
    slopes = np.linalg.solve(
        gram + penalty * np.eye(len(gram)), standard.T @ targets / len(standard)
    )
    return np.asarray(slopes / scale)


def _boost(
    recipe: Recipe, values: Floats, residual: Floats, signs: Sequence[int], seed: int
) -> Any:
    import xgboost

    settings: dict[str, Any] = {
        "objective": "reg:squarederror",
        "base_score": 0.0,
        "max_depth": recipe.depth,
        "eta": recipe.rate,
        "lambda": recipe.smoothing,
        "min_child_weight": recipe.leaf,
        "subsample": 0.8,
        "colsample_bytree": 0.6,
        "tree_method": "hist",
        "monotone_constraints": "(" + ",".join(map(str, signs)) + ")",
        "nthread": 1,  # sums in one order, so that a seed gives one result
        "seed": seed,
        "verbosity": 0,
    }
    data = xgboost.DMatrix(values.astype(np.float32), label=residual, nthread=1)
    return xgboost.train(settings, data, num_boost_round=recipe.rounds)
