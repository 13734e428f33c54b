"""A population's latencies on a new device from few measurements and its tables of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from luts.errors import UserError
from predictor.extremes import Floats
from predictor.networks.gaussian import tune
from predictor.networks.kernels import Scales, kernel
from predictor.networks.views import TRUSTED_FROM, Conditioned, Indices, View, view_of

# Networks of each known device from which the scales are learned, and most devices used for it.
_REHEARSAL, _REHEARSED = 60, 12
# Networks that a rehearsal conditions on, and that it is judged by.
_SHOTS, _JUDGED = 20, 300
# Least standard deviation of the belief in the logarithm of a rehearsed scale.
_LOOSE = 0.2
# Networks among which those to measure are chosen.
_POOL = 1500


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
            own = max(0, len(rows) - TRUSTED_FROM)
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
        view = view_of(self._known_ms, self._encoding, logarithmic, start)
        if devices < 2:
            # Nothing to rehearse with: the unit in which costs add up.
            return replace(view, error=0.9 if logarithmic else 1.0)
        tests = []
        for device in self._rng.permutation(devices)[:_REHEARSED]:
            rest = np.delete(self._known_ms, device, axis=1)
            rows = self._rng.permutation(count)[: _REHEARSAL + _JUDGED]
            described = view_of(rest, self._encoding, logarithmic, start).take(rows)
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
