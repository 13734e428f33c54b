"""A linear accuracy score, learned from what was evaluated: Bayesian ridge over choices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evolution.programme import Score
from evolution.strategies.base import Floats
from luts.space import OperatorSpace, Vectors

_RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class LinearScore:
    """Main effects of all choices on the fitness, with their uncertainty.

    The effects of one-hot choices have a normal prior; its precision relative to the noise is the
    one of six with the largest marginal likelihood.

    Attributes:
        space: the space.
        mean: expected effect of each choice on the score (larger is better), ``(choices,)``.
        factor: Cholesky factor of their covariance, ``(choices, choices)``.
    """

    space: OperatorSpace
    mean: Floats
    factor: Floats

    @classmethod
    def fit(cls, space: OperatorSpace, vectors: Vectors, fitness: Floats) -> LinearScore:
        """Learns from results.

        Args:
            space: the space.
            vectors: architectures, shape ``(n, decisions)``, n > 0.
            fitness: smaller is better, finite, shape ``(n,)``.
        """
        X = one_hot(space, vectors)
        y = fitness.mean() - fitness
        gram, right = X.T @ X, X.T @ y
        count = len(y)
        best = (np.inf, 1.0, 1.0)
        for ridge in _RIDGES:
            system = gram + ridge * np.eye(len(gram))
            left = max(float(y @ (y - X @ np.linalg.solve(system, right))), 1e-12)
            variance = left / count
            evidence = count * np.log(variance) + np.linalg.slogdet(system / ridge)[1]
            best = min(best, (float(evidence), ridge, variance))
        _, ridge, variance = best
        inverse = np.linalg.inv(gram + ridge * np.eye(len(gram)))
        covariance = variance * (inverse + inverse.T) / 2
        jitter = 1e-9 * float(np.trace(covariance)) / len(covariance) + 1e-15
        factor = np.linalg.cholesky(covariance + jitter * np.eye(len(covariance)))
        return cls(space, np.asarray(inverse @ right), np.asarray(factor, dtype=np.float64))

    def expected(self) -> Score:
        """The score by the expected effects."""
        return self._score(self.mean)

    def sampled(self, rng: np.random.Generator) -> Score:
        """The score by effects drawn from what is known about them (Thompson sampling)."""
        return self._score(self.mean + self.factor @ rng.standard_normal(len(self.mean)))

    def _score(self, effects: Floats) -> Score:
        stops = np.cumsum(self.space.cardinalities)[:-1]
        return Score(choices=np.split(effects, stops))


def one_hot(space: OperatorSpace, vectors: Vectors) -> Floats:
    """Indicators of all choices of all decisions, shape ``(count, choices)``."""
    parts = [np.eye(int(n))[vectors[:, i]] for i, n in enumerate(space.cardinalities)]
    return np.concatenate(parts, axis=1)
