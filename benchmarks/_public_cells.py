"""NAS-Bench-201: from a sample of cells on one device, and from other devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._baselines import additive, line, one_proxy, ridge, xgboost_log
from benchmarks._figures import Floats, figures, less, mean_of, show
from benchmarks._nb201 import Cells, read_cells
from predictor.networks.few_shot import FewShotTransfer
from predictor.networks.kernels import Part
from predictor.networks.regression import NetworkRegression

_TRAINED = 900
_SHOTS = (10, 20, 50)
OURS = "ours"
RIDGE_CHOSEN, OURS_CHOSEN = "ridge, chosen cells", "ours, chosen cells"


def sample_of_one_device(folder: Path, seeds: int) -> dict[str, Any]:
    """900 cells of each device, judged on the other 14,725."""
    cells = read_cells(folder)
    features, work = cells.one_hot, cells.convolutions[:, None]
    found: dict[str, Any] = {}
    for device, latency_ms in cells.latency_ms.items():
        results: dict[str, list[dict[str, float]]] = {}
        for seed in range(seeds):
            learn, judge = _split(len(latency_ms), _TRAINED, seed)
            own_ms = latency_ms[learn]
            predictors = {
                "FLOPs, line": line(work[learn], own_ms)(work),
                "additive table": additive(features[learn], own_ms)(features),
                "ridge": ridge(features[learn], own_ms, logarithmic=True)(features),
                "XGBoost": xgboost_log(features[learn], own_ms, rounds=600, depth=4)(features),
                OURS: _ours(cells, latency_ms, learn, seed),
            }
            for name, predicted_ms in predictors.items():
                results.setdefault(name, []).append(_judge(cells, predicted_ms, latency_ms, judge))
        found[device] = {name: mean_of(items) for name, items in results.items()}
        found[device]["noise floor"] = _floor(cells, latency_ms)
    _show_sample(found)
    return found


def few_shots(folder: Path, seeds: int) -> dict[str, Any]:
    """10, 20 and 50 cells of each device, the others known."""
    cells = read_cells(folder)
    names = list(cells.latency_ms)
    table_ms = np.column_stack(list(cells.latency_ms.values()))
    found: dict[str, Any] = {}
    for place, device in enumerate(names):
        known_ms, latency_ms = np.delete(table_ms, place, axis=1), table_ms[:, place]
        transfer = FewShotTransfer(known_ms, cells.encoding, seed=0)
        found[device] = {}
        for shots in _SHOTS:
            results: dict[str, list[dict[str, float]]] = {}
            for seed in range(seeds):
                learn, judge = _split(len(latency_ms), shots, seed)
                own, own_ms = known_ms[learn], latency_ms[learn]
                predictors = {
                    "OneProxy": one_proxy(own, own_ms)(known_ms),
                    "ridge, log": ridge(np.log(own), own_ms, logarithmic=True)(np.log(known_ms)),
                    "ridge": ridge(own, own_ms, logarithmic=False)(known_ms),
                    OURS: transfer.predict(learn, own_ms)[0],
                }
                for name, predicted_ms in predictors.items():
                    figure = _judge(cells, predicted_ms, latency_ms, judge)
                    results.setdefault(name, []).append(figure)
                chosen = transfer.propose(shots)
                rest = np.setdiff1d(np.arange(len(latency_ms)), chosen)
                own, own_ms = known_ms[chosen], latency_ms[chosen]
                for name, predicted_ms in {
                    RIDGE_CHOSEN: ridge(own, own_ms, logarithmic=False)(known_ms),
                    OURS_CHOSEN: transfer.predict(chosen, own_ms)[0],
                }.items():
                    figure = _judge(cells, predicted_ms, latency_ms, rest)
                    results.setdefault(name, []).append(figure)
            found[device][str(shots)] = {name: mean_of(items) for name, items in results.items()}
    _show_shots(found)
    return found


def _ours(cells: Cells, latency_ms: Floats, learn: npt.NDArray[np.int64], seed: int) -> Floats:
    executed = cells.encoding[:, cells.one_hot.shape[1] :]
    connected = cells.executed.any(axis=1).astype(float)[:, None]
    parts = [
        Part.of("connected", "linear", connected),
        Part.of("written", "linear", cells.one_hot),
        Part.of("executed", "linear", executed),
        Part.of("written, bent", "smooth", cells.one_hot),
        Part.of("executed, bent", "smooth", executed),
    ]
    model = NetworkRegression.fit([p.take(learn) for p in parts], latency_ms[learn], seed=seed)
    return model.predict(parts)[0]


def _split(count: int, learned: int, seed: int) -> tuple[Any, Any]:
    order = np.random.default_rng(seed).permutation(count)
    return order[:learned], order[learned:]


def _judge(cells: Cells, predicted_ms: Floats, latency_ms: Floats, rows: Any) -> dict[str, float]:
    """Shares and ranks of all cells; mean errors of those that connect input and output.

    A compiler removes the others, whose latency is then some microseconds of chance.
    """
    found = figures(predicted_ms[rows], latency_ms[rows])
    alive = rows[cells.executed[rows].any(axis=1)]
    relative = np.abs(predicted_ms[alive] / latency_ms[alive] - 1)
    return {**found, "mape": float(relative.mean()), "median": float(np.median(relative))}


def _floor(cells: Cells, latency_ms: Floats) -> dict[str, float]:
    """What a perfect predictor would reach, from cells that were measured twice.

    Where nodes 1 and 2 are not joined, exchanging them gives the same network under another
    number. Half of the squared difference of the two is the variance of one measurement.
    """
    place = {tuple(vector): row for row, vector in enumerate(cells.vectors.tolist())}
    pairs = [
        (row, place[v[1], v[0], 0, v[3], v[5], v[4]])
        for row, v in enumerate(cells.vectors.tolist())
        if v[2] == 0 and cells.executed[row].any()
    ]
    first, second = np.array([pair for pair in pairs if pair[0] < pair[1]]).T
    away = np.abs(np.log(latency_ms[first] / latency_ms[second])) / np.sqrt(2)
    relative = np.expm1(away)
    return {
        "mape": float(relative.mean()),
        "within_5": float((relative <= 0.05).mean()),
        "within_10": float((relative <= 0.10).mean()),
    }


def _show_sample(found: dict[str, Any]) -> None:
    rows = []
    methods = ["FLOPs, line", "additive table", "ridge", "XGBoost", OURS]
    for device, results in found.items():
        for figure, text in (("within_5", "within 5 %"), ("within_10", "within 10 %"),
                             ("mape", "MAPE"), ("spearman", "Spearman")):  # fmt: skip
            shape = "{:.4f}" if figure == "spearman" else "{:.2%}"
            cells = [shape.format(results[name][figure]) for name in methods]
            floor = results["noise floor"].get(figure)
            gain = less(results[OURS]["mape"], (results[name]["mape"] for name in methods[:-1]))
            rows.append([
                device if figure == "within_5" else "", text, *cells,
                "" if floor is None else shape.format(floor),
                f"{gain:.0%}" if figure == "mape" else "",
            ])  # fmt: skip
    show(f"nb201: {_TRAINED} cells of each device, judged on the rest",
         ["device", "", *methods, "noise floor", "error less"], rows)  # fmt: skip


def _show_shots(found: dict[str, Any]) -> None:
    rows = []
    methods = ["OneProxy", "ridge, log", "ridge", OURS, RIDGE_CHOSEN, OURS_CHOSEN]
    for shots in map(str, _SHOTS):
        for figure, shape in (("spearman", "{:.4f}"), ("mape", "{:.2%}"), ("within_10", "{:.1%}")):
            for device in [*found, "mean"]:
                if device == "mean":
                    results = {n: {figure: np.mean([found[d][shots][n][figure] for d in found])}
                               for n in methods}  # fmt: skip
                else:
                    results = found[device][shots]
                texts = [shape.format(results[name][figure]) for name in methods]
                rows.append([device, shots, figure, *texts])
    show("nb201: few cells of a new device, the others known",
         ["device", "shots", "figure", *methods], rows)  # fmt: skip
