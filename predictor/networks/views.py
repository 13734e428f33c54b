"""A population seen through the devices that know it, before and after measurements."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from predictor.extremes import Floats
from predictor.networks.gaussian import GaussianProcess, Task, tune
from predictor.networks.kernels import Part, Scales, winsorised

Indices = npt.NDArray[np.int64]
# A direction of the devices that explains less than this share of the variance is noise.
_LEAST_SHARE = 1e-5
# Fewer measurements than this say nothing of scales and units; rehearsals decide alone.
TRUSTED_FROM = 10


@dataclass(frozen=True)
class View:
    """The population in one unit of latency.

    Attributes:
        logarithmic: logarithms, or latencies over their mean. Costs add up in the second; the
            first is right where errors are relative.
        parts: descriptions of all networks.
        prior: the known devices' mean in that unit, shape ``(networks,)``: what is expected of a
            device of which nothing is known but its speed.
        scales: learned by rehearsal.
        spread: how their logarithms differ between devices, shape ``(scales,)``.
        error: mean absolute error of the rehearsals over the mean latency.
    """

    logarithmic: bool
    parts: list[Part]
    prior: Floats
    scales: Scales
    spread: Floats
    error: float

    def take(self, rows: Indices) -> View:
        """The same of some of the networks."""
        parts = [part.take(rows) for part in self.parts]
        return replace(self, parts=parts, prior=self.prior[rows])


@dataclass(frozen=True)
class Conditioned:
    """A view after measurements.

    Attributes:
        process: on targets in the view's unit.
        logarithmic: the view's unit.
        speed_ms: latency on the device where the prior is 1, or its logarithm where it is 0.
        least_ms: no prediction lies below it.
        left_out: mean absolute error on measurements left out in turn, over their mean.
    """

    process: GaussianProcess
    logarithmic: bool
    speed_ms: float
    least_ms: float
    left_out: float

    @staticmethod
    def task(view: View, latency_ms: Floats) -> tuple[Task, float]:
        """Measurements of the networks of a view in its unit, and the device's speed."""
        if view.logarithmic:
            away = np.log(latency_ms) - view.prior
            speed_ms = float(np.exp(np.median(away)))
            return Task(view.parts, winsorised(away) - np.log(speed_ms)), speed_ms
        speed_ms = float(np.median(latency_ms / view.prior))
        return Task(view.parts, latency_ms / speed_ms - view.prior), speed_ms

    @classmethod
    def on(cls, view: View, rows: Indices, latency_ms: Floats) -> Conditioned:
        """Conditions a view on measurements of some rows of the population."""
        measured = view.take(rows)
        task, speed_ms = cls.task(measured, latency_ms)
        scales = view.scales
        if len(rows) >= TRUSTED_FROM:
            scales = tune([task], scales, spread=view.spread, steps=25)
        process = GaussianProcess(task, scales)
        # No latency is at or below 0, which a process of plain values may well predict.
        least_ms = 0.0 if view.logarithmic else 0.1 * float(latency_ms.min())
        found = cls(process, view.logarithmic, speed_ms, least_ms, 1.0)
        guess_ms = found._in_ms(measured.prior + task.targets - process.left_out()[0])
        missed = float(np.abs(guess_ms - latency_ms).mean() / latency_ms.mean())
        return replace(found, left_out=max(missed, 1e-6))

    def __call__(self, view: View) -> tuple[Floats, Floats]:
        """Latency in ms and its relative standard deviation, each of shape ``(networks,)``."""
        mean, spread = self.process(view.parts)
        found_ms = self._in_ms(view.prior + mean)
        return found_ms, spread if self.logarithmic else spread * self.speed_ms / found_ms

    def _in_ms(self, values: Floats) -> Floats:
        found_ms = self.speed_ms * (np.exp(values) if self.logarithmic else values)
        return np.maximum(found_ms, self.least_ms)


def view_of(known_ms: Floats, encoding: Floats | None, logarithmic: bool, scales: Scales) -> View:
    """Describes a population by its latencies on known devices and its encoding."""
    values = winsorised(np.log(known_ms)) if logarithmic else known_ms / known_ms.mean(axis=0)
    prior = (values - values.mean(axis=0) if logarithmic else values).mean(axis=1)
    return View(
        logarithmic, _describe(values, encoding), prior, scales, np.ones(len(scales.vector)), 1.0
    )


def _describe(values: Floats, encoding: Floats | None) -> list[Part]:
    centred = values - values.mean(axis=0)
    # Principal components: directions that few devices have get less prior weight.
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    keep = singular**2 > _LEAST_SHARE * (singular**2).sum()
    components = left[:, keep] * singular[keep]
    evened = left[:, keep] * np.sqrt(singular[keep])
    parts = [
        Part.of("devices", "linear", components),
        Part.of("directions", "linear", evened),
        Part.of("devices, bent", "smooth", evened),
    ]
    if encoding is not None:
        parts += [
            Part.of("decisions", "linear", encoding),
            Part.of("decisions, bent", "smooth", encoding),
        ]
    return parts
