"""A cheap model of the fitness: a Gaussian process over what an architecture is and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evolution.strategies.base import Floats
from luts.errors import CorruptFileError

_REFIT = 1.25
_ITERATIONS = 25
_JITTER = 1e-8


@dataclass(frozen=True)
class Belief:
    """What the model expects of architectures.

    Attributes:
        mean: expected scores, larger is better, shape ``(count,)``.
        deviation: standard deviation of the score that an evaluation will give, ``(count,)``.
        best: the best score so far.
    """

    mean: Floats
    deviation: Floats
    best: float

    def improvement(self) -> Floats:
        """Expected improvement over the best so far (Jones et al. 1998), shape ``(count,)``.

        Weights and training give equal architectures unequal results, so what the features do
        not explain counts as a chance too.
        """
        from scipy.special import ndtr

        z = (self.mean - self.best) / self.deviation
        density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        return np.asarray(self.deviation * (z * ndtr(z) + density))


class AccuracyModel:
    """Gaussian process with one squared exponential kernel per group of features.

    Amplitudes, lengths, the variance of the mean and of the noise maximise the marginal likelihood
    under wide log-normal priors; they are looked for anew when there are a quarter more results.
    Results worse than the median are compressed by a logarithm: how bad a bad one is says little
    about the best.
    """

    def __init__(self) -> None:
        self._hyper: Floats | None = None
        self._fitted = 0
        self._groups: list[Floats] = []
        self._best = 0.0

    def fit(self, groups: Sequence[Floats], fitness: Floats) -> None:
        """Learns from results.

        Args:
            groups: features, each of shape ``(n, features of the group)``, n > 0.
            fitness: smaller is better, finite, shape ``(n,)``.
        """
        from scipy.linalg import cho_solve, cholesky

        score = compressed(-fitness)
        self._best = float(score.max())
        self._groups = [np.asarray(group) for group in groups]
        squared = [_squared(group, group) for group in self._groups]
        if self._hyper is None or len(score) >= _REFIT * self._fitted:
            self._hyper = _likeliest(squared, score, self._hyper)
            self._fitted = len(score)
        kernel, _ = _kernel(squared, self._hyper)
        kernel[np.diag_indices(len(score))] += np.exp(self._hyper[-1]) + _JITTER
        self._lower = cholesky(kernel, lower=True)
        self._weights = cho_solve((self._lower, True), score)

    def predict(self, groups: Sequence[Floats]) -> Belief:
        """Expectations for architectures, given as features like those of `fit`."""
        from scipy.linalg import solve_triangular

        if self._hyper is None:
            raise RuntimeError("the accuracy model was asked before it was fitted")
        squared = [_squared(g, known) for g, known in zip(groups, self._groups, strict=True)]
        kernel, _ = _kernel(squared, self._hyper)
        explained = solve_triangular(self._lower, kernel.T, lower=True)
        prior = np.exp(self._hyper[0:-2:2]).sum() + np.exp(self._hyper[-2])
        variance = np.maximum(prior - (explained**2).sum(axis=0), 0) + np.exp(self._hyper[-1])
        return Belief(kernel @ self._weights, np.sqrt(variance), self._best)

    def state(self) -> dict[str, Any]:
        """What later fits start from, as JSON."""
        hyper = None if self._hyper is None else self._hyper.tolist()
        return {"hyper": hyper, "fitted": self._fitted}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` gave.

        Raises:
            CorruptFileError: it is damaged.
        """
        try:
            hyper, self._fitted = state["hyper"], int(state["fitted"])
            self._hyper = None if hyper is None else np.array(hyper, dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"the state of an accuracy model is damaged ({error})") from None


def compressed(score: Floats) -> Floats:
    """Scores of mean 0 and deviation 1, the lower half compressed.

    Args:
        score: larger is better, shape ``(n,)``.
    """
    middle = float(np.median(score))
    upper = score[score >= middle] - middle
    unit = float(np.sqrt((upper**2).mean()))
    if unit > 0:
        below = np.minimum(score - middle, 0) / unit
        score = np.maximum(score - middle, 0) / unit - np.log1p(-below)
    width = float(score.std())
    return np.asarray((score - score.mean()) / (width or 1.0))


def _squared(left: Floats, right: Floats) -> Floats:
    """Squared distances, shape ``(left, right)``."""
    cross = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    return np.asarray(np.maximum(cross, 0))


def _kernel(squared: Sequence[Floats], hyper: Floats) -> tuple[Floats, list[Floats]]:
    """Covariance without noise, and each group's part of it."""
    parts = [
        np.exp(hyper[2 * i] - distance / (2 * np.exp(2 * hyper[2 * i + 1])))
        for i, distance in enumerate(squared)
    ]
    return np.sum(parts, axis=0) + np.exp(hyper[-2]), parts


def _likeliest(squared: Sequence[Floats], score: Floats, start: Floats | None) -> Floats:
    """Logarithms of amplitude and length per group, of the mean's and the noise's variance."""
    from scipy.optimize import minimize

    usual = [float(np.sqrt(max(distance.mean() / 2, 1e-6))) for distance in squared]
    prior = np.array([
        *(x for length in usual for x in (-np.log(len(squared)), np.log(length))), -2.0, -3.0
    ])
    width = np.array([1.0, 0.7] * len(squared) + [1.0, 1.0])

    def loss(hyper: Floats) -> tuple[float, Floats]:
        from scipy.linalg import cho_solve

        count = len(score)
        kernel, parts = _kernel(squared, hyper)
        kernel[np.diag_indices(count)] += np.exp(hyper[-1]) + _JITTER
        lower = np.linalg.cholesky(kernel)
        inverse = cho_solve((lower, True), np.eye(count))
        weights = inverse @ score
        outer = inverse - np.outer(weights, weights)
        slopes = []
        for i, (part, distance) in enumerate(zip(parts, squared, strict=True)):
            slopes.append(0.5 * float((outer * part).sum()))
            length = np.exp(2 * hyper[2 * i + 1])
            slopes.append(0.5 * float((outer * part * distance).sum()) / length)
        slopes.append(0.5 * float(outer.sum()) * float(np.exp(hyper[-2])))
        slopes.append(0.5 * float(np.trace(outer)) * float(np.exp(hyper[-1])))
        value = 0.5 * float(score @ weights) + float(np.log(np.diag(lower)).sum())
        value += 0.5 * float((((hyper - prior) / width) ** 2).sum())
        return value, np.array(slopes) + (hyper - prior) / width**2

    bounds = [(centre - 6 * w, centre + 6 * w) for centre, w in zip(prior, width, strict=True)]
    begin = prior if start is None else np.clip(start, *np.array(bounds).T)
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds,
                     options={"maxiter": _ITERATIONS})
    return np.asarray(found.x)
