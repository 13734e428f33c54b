"""A population's latencies on a new device from few measurements and its tables of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from predictor.extremes import Floats
from predictor.networks.gaussian import GaussianProcess, Task, tune
from predictor.networks.kernels import Part, Scales, kernel, winsorised

Indices = npt.NDArray[np.int64]
# Networks of each known device from which the scales are learned, and most devices used for it.
_REHEARSAL, _REHEARSED = 60, 12
# Networks that a rehearsal conditions on, and that it is judged by.
_SHOTS, _JUDGED = 20, 300
# A direction of the devices that explains less than this share of the variance is noise.
_LEAST_SHARE = 1e-5
# Fewer measurements than this say nothing of scales and units; rehearsals decide alone.
_TRUSTED_FROM = 10
# Least standard deviation of the belief in the logarithm of a rehearsed scale.
_LOOSE = 0.2
# Networks among which those to measure are chosen.
_POOL = 1500


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


class FewShotTransfer:
    """Learns how devices differ from those that are known, then conditions on few measurements.

    The latency on the new device is a Gaussian process: a common level, a combination of the
    latencies on the known devices, a smooth function of them, and functions of the architecture.
    How much each may contribute is learned by rehearsal: each known device in turn plays the new
    one, described by the others.

    Args:
        known_ms: latencies on the known devices, shape ``(networks, devices)``.
        encoding: description of the architectures, such as one-hot decisions, shape
            ``(networks, features)``; None does without.
        seed: seed of all draws.

    Raises:
        UserError: no device, or a latency that is not a positive number.
    """

    def __init__(self, known_ms: Floats, encoding: Floats | None = None, *, seed: int = 0) -> None:
        known_ms = np.asarray(known_ms, dtype=float)
        if known_ms.ndim != 2 or not known_ms.size:
            raise UserError("no known device; a transfer needs the latencies of at least one")
        if not (np.isfinite(known_ms) & (known_ms > 0)).all():
            raise UserError("latencies on the known devices must be finite and above 0 ms")
        self._known_ms = known_ms
        self._encoding = encoding
        self._rng = np.random.default_rng(seed)
        self.views = [self._rehearse(logarithmic) for logarithmic in (True, False)]

    def propose(self, count: int) -> Indices:
        """Networks to measure: each next one tells most of all the others.

        Args:
            count: how many.

        Returns:
            Rows of the population, shape ``(count,)``, without repetition.
        """
        view = min(self.views, key=lambda view: view.error)
        pool = self._rng.permutation(len(self._known_ms))[:_POOL]
        parts = [part.take(pool) for part in view.parts]
        left = kernel(parts, [part.products(part) for part in parts], view.scales)
        noise = np.exp(2 * view.scales.noise)
        open_ = np.ones(len(pool), dtype=bool)
        chosen: list[int] = []
        for _ in range(min(count, len(pool))):
            # Variance that a measurement takes from the whole pool (Cohn 1996).
            taken = (left**2).sum(axis=0) / (np.diag(left) + noise)
            best = int(np.argmax(np.where(open_, taken, -1.0)))
            column = left[:, best] / np.sqrt(left[best, best] + noise)
            left = left - np.outer(column, column)
            open_[best] = False
            chosen.append(best)
        return np.asarray(pool[np.array(chosen, dtype=np.int64)])

    def predict(self, rows: Indices | Sequence[int], latency_ms: Floats) -> tuple[Floats, Floats]:
        """Latencies of the whole population after few measurements.

        Args:
            rows: measured rows of the population.
            latency_ms: their latency on the new device, same length, at least 1.

        Returns:
            Latency in ms and its relative standard deviation, each of shape ``(networks,)``.

        Raises:
            UserError: no measurement, or one that is not a positive number.
        """
        latency_ms = np.asarray(latency_ms, dtype=float)
        if not len(latency_ms) or not (np.isfinite(latency_ms) & (latency_ms > 0)).all():
            raise UserError(
                f"{len(latency_ms)} measurements on the new device; at least 1 is needed, and all "
                "must be finite and above 0 ms"
            )
        rows = np.asarray(rows)
        best: tuple[float, View, Conditioned] | None = None
        for view in self.views:
            conditioned = Conditioned.on(view, rows, latency_ms)
            # Rehearsals count as so many measurements: few of one's own choose badly.
            own = max(0, len(rows) - _TRUSTED_FROM)
            score = _SHOTS * np.log(view.error) + own * np.log(conditioned.left_out)
            if best is None or score < best[0]:
                best = float(score), view, conditioned
        assert best is not None
        return best[2](best[1])

    def _rehearse(self, logarithmic: bool) -> View:
        count, devices = self._known_ms.shape
        described_by = 3 if self._encoding is None else 5
        start = Scales(
            level=-1.0,
            amplitude=(-1.0, -2.0, -3.0, -3.0, -3.0)[:described_by],
            length=(0.0,) * described_by,
            noise=-3.0,
        )
        view = _view(self._known_ms, self._encoding, logarithmic, start)
        if devices < 2:
            # Nothing to rehearse with: the unit in which costs add up.
            return replace(view, error=0.9 if logarithmic else 1.0)
        tests = []
        for device in self._rng.permutation(devices)[:_REHEARSED]:
            rest = np.delete(self._known_ms, device, axis=1)
            rows = self._rng.permutation(count)[: _REHEARSAL + _JUDGED]
            described = _view(rest, self._encoding, logarithmic, start).take(rows)
            tests.append((described, self._known_ms[rows, device]))
        learn = np.arange(min(_REHEARSAL, count))
        tasks = [Conditioned.task(view.take(learn), own_ms[learn])[0] for view, own_ms in tests]
        shared = tune(tasks, start)
        # Devices differ, in their noise above all: each one's own scales say by how much.
        own = np.array([tune([task], shared, steps=20).vector for task in tasks])
        scales, spread = Scales.of(own.mean(axis=0)), own.std(axis=0) + _LOOSE
        errors = []
        for described, own_ms in tests:
            shots = np.arange(min(_SHOTS, len(own_ms)))
            rehearsed = replace(described, scales=scales, spread=spread)
            predicted_ms, _ = Conditioned.on(rehearsed, shots, own_ms[shots])(rehearsed)
            errors.append(float(np.abs(predicted_ms - own_ms).mean() / own_ms.mean()))
        error = float(np.exp(np.mean(np.log(errors))))
        return replace(view, scales=scales, spread=spread, error=error)


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
        if len(rows) >= _TRUSTED_FROM:
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


def _view(known_ms: Floats, encoding: Floats | None, logarithmic: bool, scales: Scales) -> View:
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
