"""NeuSight's operators: a GPU that is left out, and a sample of one GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._baselines import xgboost_log
from benchmarks._figures import Floats, figures, less, show
from benchmarks._neusight import KINDS, Measured, family, read_devices, read_kind
from predictor.operator_model import DeviceFacts, OperatorModel
from predictor.operators.features import bounds_ms
from predictor.operators.work import Work

OURS = "ours"
XGBOOST_TABLES = "XGBoost, other GPUs' tables"
TABLES = "ours, other GPUs' tables"
_GIVEN = (10, 50)
_TRAINED = 3000
_EACH = 750
_SAMPLED = 5000
_FEWEST = 60
_MORE = 1000


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
    plain, shaped, roof_ms = _columns(data, facts)
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
                "XGBoost FLOPs, bytes": by_work(plain[rows]),
                "XGBoost + dims": by_shape(shaped[rows]),
                OURS: guess.latency_ms,
            }
            results = {name: figures(ms, measured_ms) for name, ms in predicted.items()}
            covered = (guess.lower_ms <= measured_ms) & (measured_ms <= guess.upper_ms)
            results[OURS]["covered"] = float(covered.mean())
            order = np.random.default_rng(seed).permutation(len(rows))
            for given in _GIVEN:
                shown, rest = order[:given], order[given:]
                for name in ("XGBoost FLOPs, bytes", "XGBoost + dims"):
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


def sample_of_one_gpu(folder: Path, seed: int = 0) -> dict[str, Any]:
    """3,000 rows of one GPU, judged on its other rows of the same range.

    This is the protocol behind the reference figures of XGBoost with FLOPs and bytes: convolutions
    on T4 12.8 %, V100 14.5 %, A100 17.2 %, which the column with dimensions reproduces.
    """
    facts = read_devices(folder)
    found: dict[str, Any] = {}
    for kind in ("conv", "linear", "bmm"):
        data = read_kind(folder, kind, _SAMPLED, seed)
        plain, shaped, _ = _columns(data, facts)
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
                "XGBoost FLOPs, bytes": figures(by_work(plain[judge]), judged_ms),
                "XGBoost + dims": figures(by_shape(shaped[judge]), judged_ms),
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


def _columns(data: Measured, facts: dict[str, DeviceFacts]) -> tuple[Floats, Floats, Floats]:
    """FLOPs, bytes and facts; the same with dimensions; the roofline in ms."""
    work = Work.of(data.operators)
    names = sorted(set(data.device))
    of = np.array([names.index(name) for name in data.device])
    listed = [facts[str(name)] for name in names]
    sheet = np.log([[d.peak("fp32"), d.bandwidth_gb_s, d.multiprocessors, d.l2_mb, d.clock_mhz,
                     d.power_limit_w or 1.0] for d in listed])[of]  # fmt: skip
    plain = np.column_stack([np.log(np.maximum(work["flops"], 1)), np.log(work["bytes"]), sheet])
    dims = np.array([_dims(operator) for operator in data.operators])
    compute_ms, traffic_ms = bounds_ms(work, listed, of)
    return plain, np.column_stack([plain, dims]), np.maximum(compute_ms, traffic_ms)


def _dims(operator: Any) -> list[float]:
    sizes = [float(size) for shape in operator.inputs for size in shape]
    words = sorted(_FUNCTIONS)
    one_hot = [float(operator.attribute_map.get("fn") == word) for word in words]
    return [*(sizes + [0.0] * 6)[:6], float(operator.attribute_map.get("out", 0)), *one_hot]


_FUNCTIONS = ("add", "addu", "div", "divu", "gelu", "mul", "mulu", "pow", "powu", "relu", "tanh")


def _show_left_out(found: dict[str, Any]) -> None:
    base = ["roofline", "XGBoost FLOPs, bytes", "XGBoost + dims"]
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


def _show_sample(found: dict[str, Any]) -> None:
    names = ["XGBoost FLOPs, bytes", "XGBoost + dims", OURS]
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
