"""Gaussian process regression (Rasmussen and Williams 2006, algorithms 2.1 and 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.extremes import Floats
from predictor.networks.kernels import Part, Scales, kernel, prior_variance, shape_of

# Networks predicted at once: bounds the memory of one block of covariances.
_BLOCK = 4096
_JITTER = 1e-8


@dataclass(frozen=True)
class Task:
    """One device's measurements.

    Attributes:
        parts: descriptions of the measured networks.
        targets: log latencies, centred by the caller where that makes sense, ``(networks,)``.
    """

    parts: Sequence[Part]
    targets: Floats


def evidence(task: Task, scales: Scales) -> tuple[float, Floats]:
    """Log marginal likelihood, and its gradient by ``scales.vector``."""
    products = [part.products(part) for part in task.parts]
    return _evidence(task, products, scales)


def _evidence(task: Task, products: Sequence[Floats], scales: Scales) -> tuple[float, Floats]:
    from scipy.linalg import cho_factor, cho_solve

    count = len(task.targets)
    covariance = kernel(task.parts, products, scales)
    covariance[np.diag_indices(count)] += np.exp(2 * scales.noise) + _JITTER
    factor = cho_factor(covariance, lower=True)
    weights = cho_solve(factor, task.targets)
    inverse = cho_solve(factor, np.eye(count))
    log_det = 2 * float(np.log(np.diag(factor[0])).sum())
    value = -0.5 * (float(task.targets @ weights) + log_det + count * np.log(2 * np.pi))
    outer = 0.5 * (np.outer(weights, weights) - inverse)
    by_level = 2 * np.exp(2 * scales.level) * outer.sum()
    by_noise = 2 * np.exp(2 * scales.noise) * np.trace(outer)
    by_amplitude, by_length = [], []
    for part, product, amplitude, length in zip(
        task.parts, products, scales.amplitude, scales.length, strict=True
    ):
        own = np.exp(2 * amplitude) * shape_of(part, product, length)
        by_amplitude.append(2 * float((outer * own).sum()))
        smooth = part.kind == "smooth"
        by_length.append(
            float((outer * own * product).sum()) * np.exp(-2 * length) if smooth else 0.0
        )
    return value, np.array([by_level, by_noise, *by_amplitude, *by_length])


def tune(
    tasks: Sequence[Task], start: Scales, spread: float | Floats = 1.5, steps: int = 60
) -> Scales:
    """Scales that explain all tasks best, with a normal belief about each logarithm.

    Args:
        tasks: one or more devices, each described by the same parts.
        start: centre of the belief.
        spread: standard deviation of the belief, one for all or of shape ``(scales,)``.
        steps: most iterations.
    """
    from scipy.optimize import minimize

    products = [[part.products(part) for part in task.parts] for task in tasks]
    centre = start.vector

    def loss(vector: Floats) -> tuple[float, Floats]:
        away = (vector - centre) / spread
        total, slope = 0.5 * float(away @ away), away / spread
        for task, product in zip(tasks, products, strict=True):
            value, gradient = _evidence(task, product, Scales.of(vector))
            total, slope = total - value, slope - gradient
        return total, slope

    bounds = list(zip(centre - 4 * spread, centre + 4 * spread, strict=True))
    found = minimize(
        loss, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps}
    )
    return Scales.of(found.x)


class GaussianProcess:
    """A process conditioned on measurements.

    Args:
        task: what was measured.
        scales: hyperparameters.
    """

    def __init__(self, task: Task, scales: Scales) -> None:
        from scipy.linalg import cho_factor, cho_solve

        self.task = task
        self.scales = scales
        products = [part.products(part) for part in task.parts]
        covariance = kernel(task.parts, products, scales)
        covariance[np.diag_indices(len(covariance))] += np.exp(2 * scales.noise) + _JITTER
        self._factor = cho_factor(covariance, lower=True)
        self._weights = cho_solve(self._factor, task.targets)

    def __call__(self, parts: Sequence[Part]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of fresh measurements, each of shape ``(networks,)``.

        Args:
            parts: descriptions of the networks, as in the task.
        """
        from scipy.linalg import solve_triangular

        count = len(parts[0].values)
        mean, spread = np.zeros(count), np.zeros(count)
        for first in range(0, count, _BLOCK):
            rows = np.arange(first, min(first + _BLOCK, count))
            block = [part.take(rows) for part in parts]
            products = [a.products(b) for a, b in zip(block, self.task.parts, strict=True)]
            across = kernel(block, products, self.scales)
            mean[rows] = across @ self._weights
            known = (solve_triangular(self._factor[0], across.T, lower=True) ** 2).sum(axis=0)
            left = np.maximum(prior_variance(block, self.scales) - known, 0.0)
            spread[rows] = np.sqrt(left + np.exp(2 * self.scales.noise))
        return mean, spread

    def left_out(self) -> tuple[Floats, Floats]:
        """Errors of the measured networks when each is left out, and their standard deviations.

        Closed form (Rasmussen and Williams 2006, equations 5.10 to 5.12), with the scales kept.
        """
        from scipy.linalg import cho_solve

        inverse = np.diag(cho_solve(self._factor, np.eye(len(self._weights))))
        return np.asarray(self._weights / inverse), np.asarray(1 / np.sqrt(inverse))
