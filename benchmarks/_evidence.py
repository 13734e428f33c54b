"""What was published about devices that are not here, and what is predicted of it unseen."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from benchmarks._figures import Floats
from benchmarks._leave_out import family, folds, predict_ms
from benchmarks._operators_apart import read_operators
from benchmarks._published import Published, read_flow, read_timm, read_traces
from predictor.unmeasured.fitting import Collection, fit
from predictor.unmeasured.law import Law, Level

# Flow networks that share most of their parts.
_RELATIVES = {"recover": "sea", "videoflow": "skflow", "ms": "ccmr", "rpknet": "rapidflow"}


@dataclass(frozen=True)
class Evidence:
    """All that was published, as collections.

    Attributes:
        timm: ImageNet networks on the RTX 3090, whose level in fp16 is the law's own.
        timm_4090: the same on the RTX 4090.
        flow: flow networks on the RTX 3090, by precision.
        operators: NeuSight's operators by device.
        folder: of the public data.
    """

    timm: Published
    timm_4090: Published
    flow: dict[str, Published]
    operators: dict[str, Collection]
    folder: Path

    @classmethod
    def read(cls, folder: Path, traces: Path) -> Self:
        """Reads the files of public data.

        Raises:
            UserError: a file is absent.
        """
        found = read_traces(traces)
        timm = read_timm(folder, "rtx3090", found)
        flow = {p: read_flow(folder, p, found) for p in ("fp32", "fp16")}
        named = {p: replace(f, collection=replace(f.collection, name=f"flow {p}"))
                 for p, f in flow.items()}
        return cls(replace(timm, collection=replace(timm.collection, level=Level())),
                   read_timm(folder, "rtx4090", found), named, read_operators(folder),
                   folder)

    @property
    def of_3090(self) -> list[Collection]:
        """What the law is fitted to."""
        return [self.timm.collection, *(f.collection for f in self.flow.values())]


def flow_family(name: str) -> str:
    """Flow networks of one design."""
    letters = (re.match(r"[a-z]+", name) or [name])[0]
    return _RELATIVES.get(letters, letters)


def flow_left_out(evidence: Evidence, law: Law) -> dict[str, Floats]:
    """Each flow network, in both precisions, by a law and levels that never saw its family."""
    found = {p: np.full(len(f.names), np.nan) for p, f in evidence.flow.items()}
    families = sorted({flow_family(name) for f in evidence.flow.values() for name in f.names})
    for _, out in folds(families):
        left = {families[i] for i in out}
        rows = {p: [i for i, name in enumerate(f.names) if flow_family(name) in left]
                for p, f in evidence.flow.items()}
        known = [f.collection.take([i for i in range(len(f.names)) if i not in rows[p]])
                 for p, f in evidence.flow.items()]
        fitted, levels = fit([evidence.timm.collection, *known], law)
        for p, f in evidence.flow.items():
            found[p][rows[p]] = predict_ms(fitted, f.collection.take(rows[p]),
                                           levels[f.collection.name])
    return found


def level_left_out(law: Law, published: Published) -> Floats:
    """Each network by a level that its family was left out of."""
    own = published.collection
    found = np.full(len(own.latency_ms), np.nan)
    for learn, judge_rows in folds([family(name) for name in published.names]):
        _, levels = fit([own.take(learn.tolist())], law, law_fixed=True)
        found[judge_rows] = predict_ms(law, own.take(judge_rows.tolist()), levels[own.name])
    return found
