"""NeuSight's operators on a GPU that is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._baselines import xgboost_log
from benchmarks._figures import figures, less, show
from benchmarks._neusight import KINDS, Measured, family, read_devices, read_kind
from benchmarks._public_columns import BY_SHAPE, BY_WORK, OURS, columns
from predictor.operator_model import DeviceFacts, OperatorModel

_GIVEN = (10, 50)
_EACH = 750
_FEWEST = 60


def leave_one_gpu_out(folder: Path, seed: int = 0) -> dict[str, Any]:
    """Every NVIDIA GPU that some kind was trained on, with its siblings, is left out in turn.

    All methods learn from the same rows of NeuSight's training range on the other GPUs (AMD's
    included) and see the same facts of the new one. A third of the shapes is learned from on no
    GPU. Judged apart: shapes that the other GPUs' tables hold, new ones, and larger ones.
    """
    facts = read_devices(folder)
    found: dict[str, Any] = {}
    for kind in KINDS:
        data = read_kind(folder, kind, _EACH, seed)
        families = np.array([family(name) for name in data.device])
        found[kind] = {}
        new = np.isin(data.shape, _some(np.unique(data.shape), seed))
        for left in sorted({family(str(name)) for name in data.device[data.in_range]}):
            if not left.startswith("AMD") and left != "MI200":
                learn = np.flatnonzero((families != left) & data.in_range & ~new)
                found[kind].update(_left_out(data, facts, learn, families == left, seed))
    _show_left_out(found)
    return found


def _some(shapes: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, 1]).permutation(shapes)[: len(shapes) // 3]


def _left_out(
    data: Measured,
    facts: dict[str, DeviceFacts],
    learn: npt.NDArray[np.int64],
    judged: npt.NDArray[np.bool_],
    seed: int,
) -> dict[str, Any]:
    plain, shaped, roof_ms = columns(data, facts)
    own_ms = data.latency_ms[learn]
    model = OperatorModel.fit([data.operators[i] for i in learn], own_ms,
                              [facts[str(data.device[i])] for i in learn], seed=seed)  # fmt: skip
    efficiency = float(np.median(own_ms / roof_ms[learn]))
    by_work = xgboost_log(plain[learn], own_ms, rounds=1000, depth=6, seed=seed)
    by_shape = xgboost_log(shaped[learn], own_ms, rounds=1000, depth=6, seed=seed)
    found: dict[str, Any] = {}
    for device in sorted(set(data.device[judged])):
        elsewhere = np.isin(data.shape, data.shape[learn])
        for title, wanted in (
            ("shapes of the tables", data.in_range & elsewhere),
            ("new shapes", data.in_range & ~elsewhere),
            ("larger shapes", ~data.in_range),
        ):
            rows = np.flatnonzero((data.device == device) & wanted)
            if len(rows) < _FEWEST:
                continue
            operators = [data.operators[i] for i in rows]
            measured_ms = data.latency_ms[rows]
            guess = model.predict(operators, facts[device])
            predicted = {
                "roofline": efficiency * roof_ms[rows],
                BY_WORK: by_work(plain[rows]),
                BY_SHAPE: by_shape(shaped[rows]),
                OURS: guess.latency_ms,
            }
            results = {name: figures(ms, measured_ms) for name, ms in predicted.items()}
            covered = (guess.lower_ms <= measured_ms) & (measured_ms <= guess.upper_ms)
            results[OURS]["covered"] = float(covered.mean())
            order = np.random.default_rng(seed).permutation(len(rows))
            for given in _GIVEN:
                shown, rest = order[:given], order[given:]
                for name in (BY_WORK, BY_SHAPE):
                    # The same measurements for the baseline: its level moves to theirs.
                    ratio = np.median(measured_ms[shown] / predicted[name][shown])
                    results[f"{name}, {given} given"] = figures(
                        ratio * predicted[name][rest], measured_ms[rest]
                    )
                adapted = model.adapt([operators[i] for i in shown], measured_ms[shown],
                                      facts[device])  # fmt: skip
                guess = adapted.predict([operators[i] for i in rest], facts[device])
                again = figures(guess.latency_ms, measured_ms[rest])
                inside_ms = (guess.lower_ms <= measured_ms[rest]) & (
                    measured_ms[rest] <= guess.upper_ms
                )
                results[f"{OURS}, {given} given"] = {**again, "covered": float(inside_ms.mean())}
            found[f"{device}, {title}"] = results
    return found


def _show_left_out(found: dict[str, Any]) -> None:
    base = ["roofline", BY_WORK, BY_SHAPE]
    rows = []
    for kind, devices in found.items():
        for device, results in devices.items():
            best = less(results[OURS]["mape"], (results[name]["mape"] for name in base))
            given = f"{OURS}, {_GIVEN[0]} given"
            others = [results[f"{n}, {_GIVEN[0]} given"]["mape"] for n in base[1:]]
            rows.append([
                kind, device.replace("NVIDIA ", "").replace("Tesla ", ""),
                *(f"{results[name]['mape']:.1%}" for name in [*base, OURS]), f"{best:.0%}",
                f"{results[OURS]['covered']:.0%}", f"{min(others):.1%}",
                f"{results[given]['mape']:.1%}", f"{less(results[given]['mape'], others):.0%}",
                f"{results[f'{OURS}, {_GIVEN[1]} given']['mape']:.1%}",
            ])  # fmt: skip
    show("neusight_operators: MAPE on a GPU that is left out",
         ["kind", "GPU", *base, OURS, "error less", "covered (95 %)",
          f"best XGBoost, {_GIVEN[0]} given", f"{OURS}, {_GIVEN[0]} given", "error less",
          f"{OURS}, {_GIVEN[1]} given"], rows)  # fmt: skip
