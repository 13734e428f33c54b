"""HAT's collections: a device that drifts while it is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._baselines import ridge, xgboost_log
from benchmarks._figures import Floats, figures, less, mean_of, show
from benchmarks._hat import COLLECTIONS, Collection, read_collection
from predictor.networks.kernels import Part
from predictor.networks.regression import NetworkRegression

OURS = "ours"
_TRAINED, _GIVEN = 1500, 20
_BASE = ("linear", "XGBoost", "XGBoost + order")


def under_drift(folder: Path, seeds: int) -> dict[str, Any]:
    """1,500 networks of each collection, judged on the other 500.

    ``mixed``: at random; the drift can be told apart from the architectures. ``later``: the last
    500 are to be predicted, and the first 20 of them are given to all methods.
    """
    found: dict[str, Any] = {}
    for name in COLLECTIONS:
        data = read_collection(folder, name)
        count = len(data.latency_ms)
        mixed = []
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(count)
            mixed.append(_compare(data, order[:_TRAINED], order[_TRAINED:], seed))
        learn = np.arange(_TRAINED + _GIVEN)
        found[name] = {
            "mixed": {key: mean_of([item[key] for item in mixed]) for key in mixed[0]},
            "later": _compare(data, learn, np.arange(_TRAINED + _GIVEN, count), 0),
            "noise": float(np.median(data.noise)),
        }
    _show(found)
    return found


def _compare(
    data: Collection, learn: npt.NDArray[np.int64], judge: npt.NDArray[np.int64], seed: int
) -> dict[str, dict[str, float]]:
    own_ms, order = data.latency_ms[learn], np.arange(len(data.latency_ms))[:, None] / 100.0
    timed = np.column_stack([data.values, order])
    predicted = {
        "linear": ridge(data.values[learn], own_ms, logarithmic=True)(data.values),
        "XGBoost": xgboost_log(data.values[learn], own_ms, rounds=500, depth=5)(data.values),
        "XGBoost + order": xgboost_log(timed[learn], own_ms, rounds=500, depth=5)(timed),
    }
    parts = _parts(data.values, order)
    model = NetworkRegression.fit([p.take(learn) for p in parts], own_ms, seed=seed)
    predicted[OURS], lower_ms, upper_ms = model.predict(parts)
    found = {name: figures(ms[judge], data.latency_ms[judge]) for name, ms in predicted.items()}
    inside = (lower_ms <= data.latency_ms) & (data.latency_ms <= upper_ms)
    return {**found, OURS: {**found[OURS], "covered": float(inside[judge].mean())}}


def _parts(values: Floats, order: Floats) -> list[Part]:
    spread = values.std(axis=0)
    standard = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return [
        Part.of("architecture", "linear", standard),
        Part.of("architecture, bent", "smooth", standard),
        # Drift on the scale of the whole collection, of tenths of it, and of some networks.
        Part.of("slow drift", "smooth", order),
        Part("drift", "smooth", order),
        Part("quick drift", "smooth", 10 * order),
    ]


def _show(found: dict[str, Any]) -> None:
    rows = []
    for name, protocols in found.items():
        for protocol in ("mixed", "later"):
            results = protocols[protocol]
            gain = less(results[OURS]["mape"], (results[base]["mape"] for base in _BASE))
            rows.append([
                name, protocol, *(f"{results[key]['mape']:.2%}" for key in (*_BASE, OURS)),
                f"{gain:.0%}", f"{results[OURS]['within_5']:.1%}",
                f"{results[OURS]['within_10']:.1%}", f"{results[OURS]['covered']:.0%}",
                f"{protocols['noise']:.2%}",
            ])  # fmt: skip
    show("hat_transformer: MAPE where the device drifts",
         ["collection", "judged", *_BASE, OURS, "error less", "within 5 %", "within 10 %",
          "covered (95 %)", "spread of one network's runs"], rows)  # fmt: skip
