"""Sums of simple kernels over several descriptions of the same networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from predictor.extremes import Floats


@dataclass(frozen=True)
class Part:
    """One description of networks, and how alike two networks are by it.

    Attributes:
        name: for reports.
        kind: ``linear``: inner product; ``smooth``: ``exp(-d^2 / (2 l^2))``.
        values: shape ``(networks, features)``; scaled so that networks differ by about 1.
    """

    name: str
    kind: Literal["linear", "smooth"]
    values: Floats

    @classmethod
    def of(cls, name: str, kind: Literal["linear", "smooth"], values: Floats) -> Part:
        """Centres the columns and scales them together to unit variance per network.

        Args:
            name: for reports.
            kind: ``linear`` or ``smooth``.
            values: shape ``(networks, features)``; columns in comparable units.
        """
        centred = np.asarray(values, dtype=float) - np.mean(values, axis=0)
        total = float((centred**2).sum(axis=1).mean())
        return cls(name, kind, centred / np.sqrt(total) if total > 0 else centred)

    def take(self, rows: npt.NDArray[np.int64]) -> Part:
        """The same description of some of the networks."""
        return Part(self.name, self.kind, self.values[rows])

    def products(self, other: Part) -> Floats:
        """Inner products, or squared distances; shape ``(networks, networks of other)``."""
        inner = self.values @ other.values.T
        if self.kind == "linear":
            return np.asarray(inner)
        own = (self.values**2).sum(axis=1)[:, None]
        return np.asarray(np.maximum(own + (other.values**2).sum(axis=1) - 2 * inner, 0.0))


@dataclass(frozen=True)
class Scales:
    """Hyperparameters, all as logarithms.

    Attributes:
        level: standard deviation of the common level.
        amplitude: standard deviation of each part.
        length: length scale of each part; unused where linear.
        noise: standard deviation of a measurement.
    """

    level: float
    amplitude: tuple[float, ...]
    length: tuple[float, ...]
    noise: float

    @property
    def vector(self) -> Floats:
        """All as one vector, shape ``(2 + 2 * parts,)``."""
        return np.array([self.level, self.noise, *self.amplitude, *self.length])

    @classmethod
    def of(cls, vector: Floats) -> Scales:
        """The inverse of `vector`."""
        parts = (len(vector) - 2) // 2
        values = [float(value) for value in vector]
        return cls(values[0], tuple(values[2 : 2 + parts]), tuple(values[2 + parts :]), values[1])


def kernel(parts: Sequence[Part], products: Sequence[Floats], scales: Scales) -> Floats:
    """Prior covariance without noise, of the shape of the products."""
    total = np.full(products[0].shape, np.exp(2 * scales.level))
    for part, product, amplitude, length in zip(
        parts, products, scales.amplitude, scales.length, strict=True
    ):
        total += np.exp(2 * amplitude) * shape_of(part, product, length)
    return total


def shape_of(part: Part, product: Floats, length: float) -> Floats:
    """Kernel of one part at unit amplitude."""
    return product if part.kind == "linear" else np.exp(-0.5 * product * np.exp(-2 * length))


def prior_variance(parts: Sequence[Part], scales: Scales) -> Floats:
    """Diagonal of the prior covariance, shape ``(networks,)``."""
    total = np.full(len(parts[0].values), np.exp(2 * scales.level))
    for part, amplitude in zip(parts, scales.amplitude, strict=True):
        own = (part.values**2).sum(axis=1) if part.kind == "linear" else 1.0
        total = total + np.exp(2 * amplitude) * own
    return total


def winsorised(values: Floats) -> Floats:
    """Values pulled in to within 4 robust deviations of the median: no network leads alone.

    Args:
        values: shape ``(networks,)`` or ``(networks, devices)``; columns are treated apart.
    """
    middle = np.median(values, axis=0)
    reach = 4 * 1.4826 * np.median(np.abs(values - middle), axis=0)
    pulled = np.clip(values, middle - reach, middle + reach)
    return np.asarray(np.where(reach > 0, pulled, values))
