"""How laws of unmeasured devices are judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks._accel import COLUMNS, read_accel
from benchmarks._evidence import Evidence, flow_left_out, level_left_out
from benchmarks._figures import show
from benchmarks._leave_out import a_fifth, baselines, family, folds, judged, left_out_ms, predict_ms
from predictor.unmeasured.fitting import fit
from predictor.unmeasured.law import Law, Level

_COLUMNS = ("mape", "median", "within_10", "within_20", "spearman")


def judge(evidence: Evidence) -> dict[str, Any]:
    """Errors on networks that were left out, printed and returned."""
    timm, flow = evidence.timm, evidence.flow
    rest = [f.collection for f in flow.values()]
    law, _ = fit(evidence.of_3090)
    found: dict[str, Any] = {"networks": len(timm.names), "untraced": list(timm.untraced)}
    learn, judge_rows = a_fifth(len(timm.names))
    ours = left_out_ms(timm, iter([(learn, judge_rows)]), rest, law)[judge_rows]
    measured_ms = timm.collection.latency_ms
    found["RTX 3090, ImageNet networks, a fifth"] = {
        **baselines(timm, learn, judge_rows), "ours": judged(ours, measured_ms[judge_rows])}
    groups = [family(name) for name in timm.names]
    splits = list(folds(groups))
    ours = left_out_ms(timm, iter(splits), rest, law)
    plain = [baselines(timm, a, b) for a, b in splits]
    weights = np.array([len(b) for _, b in splits]) / len(groups)
    found["RTX 3090, ImageNet networks, by family"] = {
        **{name: {c: float(sum(w * p[name][c] for w, p in zip(weights, plain, strict=True)))
                  for c in _COLUMNS} for name in plain[0]},
        "ours": judged(ours, measured_ms)}
    found["RTX 4090, ImageNet networks"] = _other_card(evidence, law)
    singles = flow_left_out(evidence, law)
    for precision, published in flow.items():
        ours = singles[precision]
        own = published.collection.latency_ms
        found[f"RTX 3090, flow networks, batch 1, {precision}"] = {"ours": judged(ours, own)}
        found[f"flow {precision}"] = {
            name: {"predicted_ms": float(a), "measured_ms": float(b)}
            for name, a, b in zip(published.names, ours, own, strict=True)}
    found["500 MnasNet networks in batches, nothing of them fitted"] = _mnasnets(evidence, law)
    found["operators of other devices"] = _devices(evidence, law)
    _show(found)
    return found


def _other_card(evidence: Evidence, law: Law) -> dict[str, dict[str, float]]:
    card = evidence.timm_4090
    own = card.collection
    plain = judged(predict_ms(law, own, Level()), own.latency_ms)
    fitted = level_left_out(law, card)
    return {"ours, the card itself unseen": plain,
            "ours, three numbers of the card fitted": judged(fitted, own.latency_ms)}


def _mnasnets(evidence: Evidence, law: Law) -> dict[str, dict[str, float]]:
    """Networks that neither law nor level have seen."""
    found: dict[str, dict[str, float]] = {}
    for target in COLUMNS:
        own = read_accel(evidence.folder, target)
        plain = judged(predict_ms(law, own, Level()), own.latency_ms)
        ratio = np.median(own.latency_ms / predict_ms(law, own, Level()))
        levelled = judged(ratio * predict_ms(law, own, Level()), own.latency_ms)
        found |= {f"{target}, ours": plain,
                  f"{target}, ours, times {ratio:.2f}, which fits the median": levelled}
    return found


def _devices(evidence: Evidence, law: Law) -> dict[str, dict[str, float]]:
    found = {}
    for name, own in evidence.operators.items():
        _, levels = fit([own], law, law_fixed=True)
        level = levels[own.name]
        found[name] = {**judged(predict_ms(law, own, level), own.latency_ms),
                       "compute": level.compute, "traffic": level.traffic,
                       "host_us": float(1e3 * np.exp(level.host_ms))}
    return found


def _show(found: dict[str, Any]) -> None:
    for title, rows in found.items():
        if not isinstance(rows, dict):
            continue
        if all("mape" in row for row in rows.values()):
            show(title, ["", *_COLUMNS],
                 [[name, *(f"{row[c]:.4f}" if c == "spearman" else f"{row[c]:.1%}"
                           for c in _COLUMNS)] for name, row in rows.items()])
        elif all("predicted_ms" in row for row in rows.values()):
            show(title, ["network", "predicted", "measured", "error"],
                 [[name, f"{r['predicted_ms']:.1f}", f"{r['measured_ms']:.1f}",
                   f"{r['predicted_ms'] / r['measured_ms'] - 1:+.0%}"] for name, r in rows.items()])
