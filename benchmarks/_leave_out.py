"""Networks that are left out: by chance, by family, and what plain predictors make of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks._baselines import xgboost_log
from benchmarks._figures import Floats, figures
from benchmarks._published import Published
from predictor.unmeasured.fitting import Collection, fit
from predictor.unmeasured.law import Law, Level, Stack

Indices = npt.NDArray[np.int64]
_FOLDS = 5
_PREFIXES = ("tf_", "legacy_", "gluon_", "ese_")


def family(name: str) -> str:
    """Letters at the start of a network's name; close relatives of a design share it."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    found = re.match(r"[a-z]+", name)
    letters = found[0] if found else name
    # Squeeze-and-excitation and the like do not make another design of it.
    return re.sub(r"^(eca|se|sk|cs|aa|wide_)?(res(net|next)|regnet|darknet).*", r"\2", letters)


def a_fifth(count: int, seed: int = 0) -> tuple[Indices, Indices]:
    """Rows to learn from, and a random fifth to judge."""
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[count // _FOLDS :]), np.sort(order[: count // _FOLDS])


def folds(groups: Sequence[str], seed: int = 0) -> Iterator[tuple[Indices, Indices]]:
    """Five times rows to learn from and rows to judge, groups whole and folds of like size."""
    names, of = np.unique(groups, return_inverse=True)
    sizes = np.bincount(of)
    fold, filled = np.zeros(len(names), dtype=np.int64), np.zeros(_FOLDS)
    turn = np.random.default_rng(seed).permutation(len(names))
    for name in turn[np.argsort(-sizes[turn], kind="stable")]:
        fold[name] = int(np.argmin(filled))
        filled[fold[name]] += sizes[name]
    for number in range(_FOLDS):
        yield np.flatnonzero(fold[of] != number), np.flatnonzero(fold[of] == number)


def predict_ms(law: Law, collection: Collection, level: Level) -> Floats:
    """Latencies of a collection's networks by a law."""
    return Stack.of(collection.networks).latency_ms(
        law, collection.device, collection.precision, level)


def left_out_ms(
    published: Published, splits: Iterator[tuple[Indices, Indices]],
    others: Sequence[Collection], start: Law,
) -> Floats:
    """Each network predicted by a law that was fitted without its group.

    Args:
        published: networks that are judged.
        splits: rows to learn from, and rows to judge.
        others: what is learned from besides.
        start: law to start each fit from; it is no belief.
    """
    own = published.collection
    found = np.full(len(own.latency_ms), np.nan)
    for learn, judge in splits:
        law, levels = fit([own.take(learn.tolist()), *others], start)
        level = own.level or levels[own.name]
        found[judge] = predict_ms(law, own.take(judge.tolist()), level)
    return found


def baselines(published: Published, learn: Indices, judge: Indices) -> dict[str, dict[str, float]]:
    """FLOPs alone, a roofline, and XGBoost on (GMACs, activations, parameters).

    All see latencies per image, which a batch of these sizes shares fairly.
    """
    gmacs, macts, millions, _, batch = published.facts.T
    own = published.collection
    each_ms = own.latency_ms / batch
    slope, offset = np.polyfit(np.log(gmacs[learn]), np.log(each_ms[learn]), 1)
    flops = np.exp(offset + slope * np.log(gmacs))
    compute = 2 * gmacs / own.device.peak(own.precision) * 1e3
    # Every activation is written once and read once.
    traffic = (2 * 2 * macts + 2 * millions / batch) / own.device.bandwidth_gb_s
    roof = np.maximum(compute, traffic)
    roof = roof * np.median(each_ms[learn] / roof[learn])
    values = np.log(np.column_stack([gmacs, macts, millions]))
    trees = xgboost_log(values[learn], each_ms[learn], rounds=400, depth=4)(values)
    found = {"FLOPs alone": flops, "roofline": roof, "XGBoost (GMACs, activations, params)": trees}
    return {name: judged(ms[judge], each_ms[judge]) for name, ms in found.items()}


def judged(predicted_ms: Floats, measured_ms: Floats) -> dict[str, float]:
    """Figures of merit, with the share within 20 %."""
    relative = np.abs(predicted_ms / measured_ms - 1)
    return {**figures(predicted_ms, measured_ms), "within_20": float((relative <= 0.2).mean())}
