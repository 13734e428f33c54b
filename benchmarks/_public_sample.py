"""NeuSight's operators: other rows of the GPU that a sample is from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._baselines import xgboost_log
from benchmarks._figures import figures, less, show
from benchmarks._neusight import Measured, family, read_devices, read_kind
from benchmarks._public_columns import BY_SHAPE, BY_WORK, OURS, columns
from predictor.operator_model import OperatorModel

XGBOOST_TABLES = "XGBoost, other GPUs' tables"
TABLES = "ours, other GPUs' tables"
_TRAINED = 3000
_SAMPLED = 5000
_MORE = 1000


def sample_of_one_gpu(folder: Path, seed: int = 0) -> dict[str, Any]:
    """3,000 rows of one GPU, judged on its other rows of the same range.

    This is the protocol behind the reference figures of XGBoost with FLOPs and bytes: convolutions
    on T4 12.8 %, V100 14.5 %, A100 17.2 %, which the column with dimensions reproduces.
    """
    facts = read_devices(folder)
    found: dict[str, Any] = {}
    for kind in ("conv", "linear", "bmm"):
        data = read_kind(folder, kind, _SAMPLED, seed)
        plain, shaped, _ = columns(data, facts)
        found[kind] = {}
        for device in sorted(set(data.device[data.in_range])):
            rows = np.flatnonzero((data.device == device) & data.in_range)
            order = np.random.default_rng(seed).permutation(rows)
            learn, judge = order[:_TRAINED], order[_TRAINED:]
            own_ms, judged_ms = data.latency_ms[learn], data.latency_ms[judge]
            model = OperatorModel.fit(
                [data.operators[i] for i in learn], own_ms, facts[device], seed=seed
            )
            guess = model.predict([data.operators[i] for i in judge], facts[device])
            by_work = xgboost_log(plain[learn], own_ms, rounds=1000, depth=6)
            by_shape = xgboost_log(shaped[learn], own_ms, rounds=1000, depth=6)
            results = {
                BY_WORK: figures(by_work(plain[judge]), judged_ms),
                BY_SHAPE: figures(by_shape(shaped[judge]), judged_ms),
                OURS: figures(guess.latency_ms, judged_ms),
            }
            covered = (guess.lower_ms <= judged_ms) & (judged_ms <= guess.upper_ms)
            results[OURS]["covered"] = float(covered.mean())
            if kind == "conv":
                others = _elsewhere(data, device, judge, seed)
                both = np.concatenate([learn, others])
                model = OperatorModel.fit(
                    [data.operators[i] for i in both], data.latency_ms[both],
                    [facts[str(data.device[i])] for i in both], seed=seed,
                )  # fmt: skip
                guess = model.predict([data.operators[i] for i in judge], facts[device])
                results[TABLES] = figures(guess.latency_ms, judged_ms)
                trees = xgboost_log(shaped[both], data.latency_ms[both], rounds=1000, depth=6)
                results[XGBOOST_TABLES] = figures(trees(shaped[judge]), judged_ms)
            found[kind][device] = results
    _show_sample(found)
    return found


def _elsewhere(
    data: Measured, device: str, judge: npt.NDArray[np.int64], seed: int
) -> npt.NDArray[np.int64]:
    """Rows of other chips: all shapes that are judged, and as many others."""
    families = np.array([family(str(name)) for name in data.device])
    judged = np.isin(data.shape, data.shape[judge])
    shapes = np.random.default_rng(seed).permutation(np.unique(data.shape[~judged]))
    wanted = judged | np.isin(data.shape, shapes[:_MORE])
    return np.flatnonzero((families != family(device)) & data.in_range & wanted)


def _show_sample(found: dict[str, Any]) -> None:
    names = [BY_WORK, BY_SHAPE, OURS]
    rows = []
    for kind, devices in found.items():
        for device, results in devices.items():
            gain = less(results[OURS]["mape"], (results[name]["mape"] for name in names[:-1]))
            more = [f"{results[name]['mape']:.1%}" if name in results else ""
                    for name in (XGBOOST_TABLES, TABLES)]  # fmt: skip
            rows.append([kind, device, *(f"{results[name]['mape']:.1%}" for name in names),
                         f"{gain:.0%}", f"{results[OURS]['covered']:.0%}", *more])  # fmt: skip
    show(f"neusight_operators: MAPE with {_TRAINED} rows of the same GPU",
         ["kind", "GPU", *names, "error less", "covered (95 %)", XGBOOST_TABLES, TABLES],
         rows)  # fmt: skip
