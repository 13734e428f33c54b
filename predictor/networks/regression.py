"""Latencies of a population from a sample of it on one device, also where the device drifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from predictor.conformal import fewest_scores, upper_quantile
from predictor.extremes import Floats
from predictor.networks.gaussian import GaussianProcess, Task, tune
from predictor.networks.kernels import Part, Scales, winsorised

Indices = npt.NDArray[np.int64]
# Networks that the scales are learned from; the cost grows with their cube.
_TUNED_ON = 400
_FEWEST = 10
# A relative error counts as at most this, so that a network of next to no latency does not decide.
_WORST = 0.5


@dataclass(frozen=True)
class NetworkRegression:
    """A Gaussian process of latency, or of its logarithm, whichever errs less.

    Attributes:
        process: conditioned on the sample.
        logarithmic: whether it is of the logarithm.
        level: what was taken off the targets.
        margin: conformal half width of the interval in standard deviations.
        left_out: mean absolute relative error on left-out networks, by kind of target.
    """

    process: GaussianProcess
    logarithmic: bool
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
        for logarithmic in (True, False):
            values = winsorised(
                np.log(latency_ms) if logarithmic else latency_ms / latency_ms.mean()
            )
            centre = float(values.mean())
            scales = tune([Task([p.take(rows) for p in parts], values[rows] - centre)],
                          _start(len(parts), float(values.std())))  # fmt: skip
            process = GaussianProcess(Task(parts, values - centre), scales)
            missed, spread = process.left_out()
            found = values - missed
            found_ms = np.exp(found) if logarithmic else found * latency_ms.mean()
            relative = np.abs(found_ms - latency_ms) / latency_ms
            name = "logarithm" if logarithmic else "latency"
            errors[name] = float(np.minimum(relative, _WORST).mean())
            if best is None or errors[name] < min(best.left_out.values()):
                margin = upper_quantile(np.abs(missed) / spread, level)
                offset = centre if logarithmic else float(latency_ms.mean())
                best = cls(process, logarithmic, offset, margin, {name: errors[name]})
        assert best is not None
        return cls(best.process, best.logarithmic, best.level, best.margin, errors)

    def predict(self, parts: Sequence[Part]) -> tuple[Floats, Floats, Floats]:
        """Latency and both ends of its interval in ms, each of shape ``(networks,)``.

        Args:
            parts: descriptions as in the fit, scaled alike.
        """
        mean, spread = self.process(parts)
        wide = self.margin * spread
        ends = (mean, mean - wide, mean + wide)
        if self.logarithmic:
            found = [np.exp(self.level + end) for end in ends]
        else:
            # No latency is at or below 0; a process of plain values may wander there.
            found = [self.level * np.maximum(1 + end, 1e-3) for end in ends]
        return found[0], found[1], found[2]


def _start(parts: int, spread: float) -> Scales:
    size = float(np.log(max(spread, 1e-3)))
    return Scales(size, (size,) * parts, (0.0,) * parts, size - 2.5)
