"""How far a transfer is to be trusted: every known device in turn plays the new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.extremes import Floats
from predictor.networks.few_shot import FewShotTransfer
from predictor.networks.views import Indices


@dataclass(frozen=True, slots=True)
class Left:
    """Errors on one device that was left out; shares are fractions.

    Attributes:
        device: its name.
        mape: mean absolute relative error of the transfer.
        within_10: share of networks within 10 %.
        spearman: rank correlation.
        ridge_mape: the same of ridge regression on the known devices' latencies.
        ridge_spearman: rank correlation of ridge regression.
    """

    device: str
    mape: float
    within_10: float
    spearman: float
    ridge_mape: float
    ridge_spearman: float


def leave_each_out(
    devices: Sequence[str],
    known_ms: Floats,
    encoding: Floats | None,
    shots: int,
    *,
    seed: int = 0,
) -> list[Left]:
    """Leaves each device out, gives back so many random measurements, and judges the rest.

    Args:
        devices: at least two names.
        known_ms: shape ``(networks, devices)``.
        encoding: as for `FewShotTransfer`.
        shots: measurements, fewer than there are networks.
        seed: seed of all draws.
    """
    found = []
    for place, device in enumerate(devices):
        others = np.delete(known_ms, place, axis=1)
        own_ms = known_ms[:, place]
        order = np.random.default_rng([seed, place]).permutation(len(own_ms))
        learn, judge = order[:shots], order[shots:]
        predicted_ms, _ = FewShotTransfer(others, encoding, seed=seed).predict(learn, own_ms[learn])
        ridge_ms = ridge_on_devices(others, learn, own_ms[learn])
        relative = np.abs(predicted_ms / own_ms - 1)[judge]
        found.append(Left(
            device,
            float(relative.mean()),
            float((relative <= 0.10).mean()),
            _spearman(predicted_ms[judge], own_ms[judge]),
            float(np.abs(ridge_ms / own_ms - 1)[judge].mean()),
            _spearman(ridge_ms[judge], own_ms[judge]),
        ))  # fmt: skip
    return found


def ridge_on_devices(known_ms: Floats, rows: Indices, latency_ms: Floats) -> Floats:
    """The baseline: ridge regression of log latencies, its penalty chosen on left-out rows."""
    from sklearn.linear_model import RidgeCV

    values = np.log(known_ms)
    centre, scale = values[rows].mean(axis=0), values[rows].std(axis=0)
    standard = (values - centre) / np.where(scale > 0, scale, 1.0)
    model = RidgeCV(np.logspace(-4, 4, 17)).fit(standard[rows], np.log(latency_ms))
    return np.asarray(np.exp(model.predict(standard)))


def _spearman(first: Floats, second: Floats) -> float:
    from scipy.stats import spearmanr

    found = float(spearmanr(first, second)[0])
    return found if np.isfinite(found) else 0.0
