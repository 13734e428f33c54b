"""Latencies of a population from a sample of it on one device, also where the device drifted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from predictor.conformal import fewest_scores, upper_quantile
from predictor.extremes import Floats
from predictor.networks.gaussian import GaussianProcess, Task, tune
from predictor.networks.kernels import Part, Scales, winsorised

Indices = npt.NDArray[np.int64]
# Networks that the scales are learned from; the cost grows with their cube.
_TUNED_ON = 300
_FEWEST = 10
# A relative error counts as at most this, so that a network of next to no latency does not decide.
_WORST = 0.5
_LEAST = 1e-3
# Robust deviations beyond which a network counts as disturbed.
_FAR = 3.0
Function = Callable[[Floats], Floats]
# Units of latency: from and to multiples of a mean latency.
UNITS: dict[str, tuple[Function, Function]] = {
    "logarithm": (np.log, np.exp),
    "root": (np.sqrt, lambda values: np.maximum(values, 0.0) ** 2),
    "latency": (lambda values: values, lambda values: values),
}


@dataclass(frozen=True)
class NetworkRegression:
    """A Gaussian process of latency, its root, or its logarithm, whichever errs least.

    Costs add up in the first; errors are even over fast and slow networks in the last.

    Attributes:
        process: conditioned on the sample.
        unit: a key of ``UNITS``.
        scale_ms: latency that is 1 in that unit.
        level: what was taken off the targets.
        margin: conformal half width of the interval in standard deviations.
        left_out: mean absolute relative error on left-out networks, by kind of target.
    """

    process: GaussianProcess
    unit: str
    scale_ms: float
    level: float
    margin: float
    left_out: dict[str, float]

    @classmethod
    def fit(
        cls, parts: Sequence[Part], latency_ms: Floats, *, level: float = 0.95, seed: int = 0
    ) -> NetworkRegression:
        """Learns scales by evidence, and what to model by errors on left-out networks.

        Args:
            parts: descriptions of the measured networks; a smooth part of the order of measurement
                takes up a drift of the device.
            latency_ms: measured, shape ``(networks,)``, at least 10.
            level: share of measurements that the interval must hold.
            seed: seed of the draw that scales are learned from.

        Raises:
            UserError: too few networks, or a latency that is not a positive number.
        """
        needed = max(_FEWEST, fewest_scores(level))
        if len(latency_ms) < needed or not (np.isfinite(latency_ms) & (latency_ms > 0)).all():
            raise UserError(
                f"{len(latency_ms)} measured networks; at least {needed} are needed, with "
                "latencies that are finite and above 0 ms"
            )
        rows = np.random.default_rng(seed).permutation(len(latency_ms))[:_TUNED_ON]
        best: NetworkRegression | None = None
        errors: dict[str, float] = {}
        scale_ms = float(latency_ms.mean())
        for unit, (there, _) in UNITS.items():
            values = winsorised(there(latency_ms / scale_ms))
            centre = float(values.mean())
            targets = values - centre
            start = _start(len(parts), float(values.std()))
            process = _fit(parts, targets, rows, start)
            # Networks that were disturbed when measured lead no further than the others' scatter.
            missed, spread = process.left_out()
            allowed = _FAR * 1.4826 * float(np.median(np.abs(missed)))
            pulled = targets - missed + np.clip(missed, -allowed, allowed)
            process = _fit(parts, pulled, rows, process.scales)
            missed, spread = process.left_out()
            missed = missed + targets - pulled
            margin = upper_quantile(np.abs(missed) / spread, level)
            model = cls(process, unit, scale_ms, centre, margin, {})
            found_ms = model._in_ms(targets - missed)
            relative = np.abs(found_ms - latency_ms) / latency_ms
            errors[unit] = float(np.minimum(relative, _WORST).mean())
            if best is None or errors[unit] < errors[best.unit]:
                best = model
        assert best is not None
        return replace(best, left_out=errors)

    def predict(self, parts: Sequence[Part]) -> tuple[Floats, Floats, Floats]:
        """Latency and both ends of its interval in ms, each of shape ``(networks,)``.

        Args:
            parts: descriptions as in the fit, scaled alike.
        """
        mean, spread = self.process(parts)
        wide = self.margin * spread
        return self._in_ms(mean), self._in_ms(mean - wide), self._in_ms(mean + wide)

    def _in_ms(self, targets: Floats) -> Floats:
        back = UNITS[self.unit][1]
        # No latency is at or below 0; a process of plain values may wander there.
        return np.maximum(self.scale_ms * back(targets + self.level), _LEAST * self.scale_ms)


def _fit(parts: Sequence[Part], targets: Floats, rows: Indices, start: Scales) -> GaussianProcess:
    scales = tune([Task([part.take(rows) for part in parts], targets[rows])], start)
    return GaussianProcess(Task(parts, targets), scales)


def _start(parts: int, spread: float) -> Scales:
    size = float(np.log(max(spread, 1e-3)))
    return Scales(size, (size,) * parts, (0.0,) * parts, size - 2.5)
