"""The physical part of the model: an overhead and two utilisations per device and kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.extremes import Floats

# Weak beliefs in log units (mean, standard deviation): overhead relative to the fastest row, and
# the share of the peak that is reached. They decide where the rows do not.
_OVERHEAD = (-1.0, 1.5)
_UTILISATION = (-0.7, 1.0)
# Where both lines of the roofline matter, their costs partly add; a norm in between max and sum.
_NORM = 3.0
_NOISE = 0.25


@dataclass(frozen=True, slots=True)
class Ceiling:
    """``latency = overhead + (compute / u)^p + (traffic / v)^p)^(1/p)``.

    Attributes:
        log_overhead: logarithm of a fixed cost per call in ms.
        log_compute: logarithm of the share u of the peak rate.
        log_traffic: logarithm of the share v of the peak bandwidth.
    """

    log_overhead: float
    log_compute: float
    log_traffic: float

    def log_ms(self, compute_ms: Floats, traffic_ms: Floats) -> Floats:
        """Logarithm of the latency in ms, shape ``(operators,)``."""
        compute = compute_ms * np.exp(-self.log_compute)
        traffic = traffic_ms * np.exp(-self.log_traffic)
        bound = (compute**_NORM + traffic**_NORM) ** (1 / _NORM)
        return np.asarray(np.log(np.exp(self.log_overhead) + bound))

    @classmethod
    def fit(cls, compute_ms: Floats, traffic_ms: Floats, latency_ms: Floats) -> Ceiling:
        """Least absolute-like fit in log space with weak beliefs; any number of rows >= 1.

        Args:
            compute_ms: arithmetic at the peak rate, shape ``(rows,)``.
            traffic_ms: traffic at the peak bandwidth, shape ``(rows,)``.
            latency_ms: measured, shape ``(rows,)``.
        """
        from scipy.optimize import least_squares

        target = np.log(latency_ms)
        least = float(target.min())
        centre = np.array([least + _OVERHEAD[0], _UTILISATION[0], _UTILISATION[0]])
        spread = np.array([_OVERHEAD[1], _UTILISATION[1], _UTILISATION[1]])

        def residuals(values: Floats) -> Floats:
            missed = (cls(*values).log_ms(compute_ms, traffic_ms) - target) / _NOISE
            return np.concatenate([missed, (values - centre) / spread])

        found = least_squares(residuals, centre, loss="soft_l1", max_nfev=200)
        return cls(*(float(value) for value in found.x))

    @classmethod
    def mean(cls, ceilings: list[Ceiling]) -> Ceiling:
        """Geometric mean, for a device that nothing was measured on."""
        table = [(c.log_overhead, c.log_compute, c.log_traffic) for c in ceilings]
        return cls(*(float(value) for value in np.mean(table, axis=0)))
