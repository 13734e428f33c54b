"""The physical part of the model: an overhead and two utilisations per device and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats

Triple = tuple[float, float, float]
# Where both lines of the roofline matter, their costs partly add; a norm in between max and sum.
_NORM = 3.0
# Scatter of one row about the physical part alone.
_SCATTER = 0.3
# Nothing runs far above its peak rate: Winograd saves at most a factor of 4 of a convolution's
# arithmetic, and a cache holds what a roofline sees as traffic.
_MOST = np.log(4.0)
# Between devices, where too few of them say: standard deviations of overhead and utilisations.
_BETWEEN = np.array([0.4, 0.4, 0.3])
_BETWEEN_DEVICES = 3
# Prior standard deviation of how a parameter follows the logarithm of the power limit.
_SLOPE = np.array([1e-6, 0.5, 0.25])


@dataclass(frozen=True, slots=True)
class Ceiling:
    """``latency = overhead + ((compute / u)^p + (traffic / v)^p)^(1/p)``.

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
        """Robust fit in log space with weak beliefs; any number of rows >= 1.

        The overhead is what a call costs that does next to nothing, so it stays below the fastest
        rows: a larger one would hide how utilisation grows with size, which carries over to other
        devices while milliseconds do not.

        Args:
            compute_ms: arithmetic at the peak rate, shape ``(rows,)``.
            traffic_ms: traffic at the peak bandwidth, shape ``(rows,)``.
            latency_ms: measured, shape ``(rows,)``.
        """
        fastest = float(np.log(np.quantile(latency_ms, 0.01)))
        centre = np.array([fastest - 0.5, -0.5, -0.5])
        found = _fit(compute_ms, traffic_ms, np.log(latency_ms), centre, np.ones(3), _SCATTER)
        return cls(*found)

    def adapt(
        self,
        spread: Floats,
        scatter: float,
        compute_ms: Floats,
        traffic_ms: Floats,
        log_ms: Floats,
    ) -> Ceiling:
        """The same after some measurements on the device.

        Args:
            spread: standard deviations of the three parameters before, shape ``(3,)``.
            scatter: standard deviation of a row about the whole model.
            compute_ms: arithmetic at the peak rate, shape ``(rows,)``.
            traffic_ms: traffic at the peak bandwidth, shape ``(rows,)``.
            log_ms: logarithm of what was measured, less the learned part, shape ``(rows,)``.
        """
        centre = np.array([self.log_overhead, self.log_compute, self.log_traffic])
        return Ceiling(*_fit(compute_ms, traffic_ms, log_ms, centre, spread, scatter))


def _fit(
    compute_ms: Floats,
    traffic_ms: Floats,
    log_ms: Floats,
    centre: Floats,
    spread: Floats,
    noise: float,
) -> list[float]:
    from scipy.optimize import least_squares

    def residuals(values: Floats) -> Floats:
        missed = (Ceiling(*values).log_ms(compute_ms, traffic_ms) - log_ms) / noise
        # The loss below is linear far out; beliefs are weighted as one row each.
        return np.concatenate([missed, (values - centre) / spread])

    most = np.array([max(float(np.quantile(log_ms, 0.01)), centre[0]), _MOST, _MOST])
    start = np.minimum(centre, most - 1e-3)
    found = least_squares(
        residuals, start, bounds=(np.full(3, -np.inf), most), loss="soft_l1", max_nfev=200
    )
    return [float(value) for value in found.x]


def _triple(values: Floats) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the devices that were measured say of one that was not.

    Attributes:
        mean: parameters of a `Ceiling` at ``log_power``, shape ``(3,)``.
        slope: how they follow the logarithm of the power limit, shape ``(3,)``; a card that may
            draw little power does not hold its boost clock under load.
        log_power: mean logarithm of the known devices' power limit in W.
        spread: standard deviation of what is left, shape ``(3,)``.
    """

    mean: Triple
    slope: Triple
    log_power: float
    spread: Triple

    @classmethod
    def of(cls, ceilings: dict[str, Ceiling], facts: Sequence[DeviceFacts]) -> Fleet:
        """Learns from the ceilings of some devices, each by its name."""
        known = [device for device in facts if device.name in ceilings]
        own = [ceilings[device.name] for device in known]
        table = np.array([[c.log_overhead, c.log_compute, c.log_traffic] for c in own])
        mean, slope, log_power = table.mean(axis=0), np.zeros(3), 0.0
        powers = [device.power_limit_w for device in known]
        if len(known) > 1 and all(power is not None for power in powers):
            watts = np.log([power for power in powers if power is not None])
            log_power = float(watts.mean())
            centred = watts - log_power
            shrink = (_BETWEEN / _SLOPE) ** 2
            slope = centred @ (table - mean) / (centred @ centred + shrink)
            table = table - centred[:, None] * slope
        # A variance with _BETWEEN_DEVICES devices' worth of belief.
        total = ((table - mean) ** 2).sum(axis=0) + _BETWEEN_DEVICES * _BETWEEN**2
        spread = np.sqrt(total / (len(known) - 1 + _BETWEEN_DEVICES))
        return cls(_triple(mean), _triple(slope), log_power, _triple(spread))

    def guess(self, device: DeviceFacts) -> Ceiling:
        """The ceiling of a device that nothing was measured on."""
        away = 0.0
        if device.power_limit_w is not None and any(self.slope):
            away = float(np.log(device.power_limit_w)) - self.log_power
        found = np.array(self.mean) + away * np.array(self.slope)
        return Ceiling(*(float(value) for value in found))
