"""The book of laws that the package ships, from all evidence."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from benchmarks._evidence import Evidence, flow_left_out, level_left_out
from benchmarks._figures import Floats
from benchmarks._leave_out import family, folds, left_out_ms
from predictor.unmeasured.fitting import fit
from predictor.unmeasured.law import Level
from predictor.unmeasured.record import NO_EVIDENCE, LawBook, LevelRecord, Population, as_book


def make_book(evidence: Evidence) -> LawBook:
    """Law, levels and errors, as they are shipped."""
    law, levels = fit(evidence.of_3090)
    timm, flow = evidence.timm, evidence.flow
    rest = [f.collection for f in flow.values()]
    by_family = left_out_ms(timm, iter(folds([family(n) for n in timm.names])), rest, law)
    on_4090, singles = evidence.timm_4090, flow_left_out(evidence, law)
    _, level_4090 = fit([on_4090.collection], law, law_fixed=True)
    populations = {
        "imagenet-3090": _population(
            f"{len(timm.names)} ImageNet networks in batches, RTX 3090, AMP, left out by family",
            by_family, timm.collection.latency_ms),
        "imagenet-4090": _population(
            f"{len(on_4090.names)} ImageNet networks in batches, RTX 4090, AMP, left out by family",
            level_left_out(law, on_4090), on_4090.collection.latency_ms),
        **{f"flow-{p}": _population(
            f"{len(f.names)} flow networks, batch 1, RTX 3090, {p}, left out by family",
            singles[p], f.collection.latency_ms) for p, f in flow.items()},
    }
    missed = {p: np.log(f.collection.latency_ms / singles[p]).tolist() for p, f in flow.items()}
    of_flow = [(f"{p} {_letters(name)}", r) for p, f in flow.items()
               for name, r in zip(f.names, missed[p], strict=True)]
    of_images = list(zip(map(_letters, timm.names),
                         np.log(timm.collection.latency_ms / by_family).tolist(), strict=True))
    populations |= {
        "flow-relatives": _relatives(of_flow, "flow networks, batch 1, RTX 3090, fp32 and fp16"),
        "imagenet-relatives": _relatives(of_images, "ImageNet networks in batches, RTX 3090"),
    }
    single = {p: levels[f"flow {p}"] for p in flow}
    batched = Level(0.0, 0.0, single["fp16"].host_ms)
    known = {name: fit([own], law, law_fixed=True)[1][own.name]
             for name, own in evidence.operators.items()}
    shifts = _shifts(single["fp32"], known, level_4090[on_4090.collection.name])
    spread = float(np.sqrt(np.mean(np.square(shifts))))
    flow_words = f"{len(flow['fp32'].names)} optical-flow networks at batch 1 on this card"
    images = "ImageNet networks in batches on this card (AMP)"
    targets = {
        "rtx3090": {
            "fp32": (_record(single["fp32"], flow_words, "flow-fp32", relatives="flow-relatives"),),
            "fp16": (_record(single["fp16"], flow_words, "flow-fp16", relatives="flow-relatives"),
                     _record(batched, f"{len(timm.names)} {images}", "imagenet-3090", 16,
                             relatives="imagenet-relatives")),
        },
        "rtx4090": _with_shift(single, level_4090[on_4090.collection.name], spread,
                               f"{len(on_4090.names)} {images}, none at batch 1"),
    }
    own_4090 = level_4090[on_4090.collection.name]
    targets["rtx4090"]["fp16"] += (
        _record(replace(own_4090, host_ms=single["fp16"].host_ms),
                f"{len(on_4090.names)} {images}", "imagenet-4090", 16),)
    chips = {"a100": "NVIDIA A100-PCIE-40GB", "v100": "Tesla V100-PCIE-32GB", "t4": "Tesla T4"}
    for target, chip in chips.items():
        own = known[chip]
        shift = Level(own.compute - single["fp32"].compute, own.traffic - single["fp32"].traffic)
        words = (f"{len(evidence.operators[chip].networks)} single operators in fp32 on "
                 f"{_words(chip)}, no whole network")
        targets[target] = _with_shift(single, shift, spread, words)
    for target in ("l4", "orin"):
        targets[target] = _with_shift(single, Level(), spread, NO_EVIDENCE)
    fitted = (f"{len(timm.names)} ImageNet networks in AMP and {len(flow['fp32'].names)} "
              "optical-flow networks in fp32 and fp16, published for the RTX 3090")
    return as_book(law, fitted, populations, targets)


def _shifts(own: Level, known: dict[str, Level], card: Level) -> list[float]:
    """How far devices' levels lie from the RTX 3090's, in log units."""
    found = [card.compute, card.traffic]
    for name, level in known.items():
        if not name.startswith("NVIDIA A100 80GB"):
            found += [level.compute - own.compute, level.traffic - own.traffic]
    return found


def _with_shift(
    single: dict[str, Level], shift: Level, spread: float, words: str
) -> dict[str, tuple[LevelRecord, ...]]:
    return {
        p: (_record(Level(level.compute + shift.compute, level.traffic + shift.traffic,
                          level.host_ms), words, f"flow-{p}", spread=spread),)
        for p, level in single.items()
    }


def _record(
    level: Level, evidence: str, population: str, batch_from: int = 1, spread: float = 0.0,
    relatives: str | None = None,
) -> LevelRecord:
    return LevelRecord(
        batch_from=batch_from, compute=round(level.compute, 5), traffic=round(level.traffic, 5),
        host_ms=round(float(np.exp(level.host_ms)), 6), spread=round(spread, 4), evidence=evidence,
        population=population, relatives=relatives)


def _letters(name: str) -> str:
    return (re.match(r"[a-z]+", name) or [name])[0]


def _relatives(residuals: list[tuple[str, float]], what: str) -> Population:
    """What errors of networks of one name do not have in common."""
    found = []
    for relatives in sorted({name for name, _ in residuals}):
        own = np.array([r for name, r in residuals if name == relatives])
        if len(own) > 1:
            found += [r - float(np.median(np.delete(own, i))) for i, r in enumerate(own)]
    return Population(title=f"{len(found)} {what}, each beside others of its name",
                      residuals=tuple(sorted(round(r, 4) for r in found)))


def _population(title: str, predicted_ms: Floats, measured_ms: Floats) -> Population:
    residuals = np.round(np.log(measured_ms / predicted_ms), 4)
    return Population(title=title, residuals=tuple(np.sort(residuals).tolist()))


def _words(chip: str) -> str:
    return chip.removeprefix("NVIDIA ").removeprefix("Tesla ")
