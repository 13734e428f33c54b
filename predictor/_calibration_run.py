"""Measures a few networks, adapts a table to them, and saves table and predictor."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luts.errors import UserError
from luts.fingerprint import space_hash
from luts.operator import Operator
from luts.paths import find_table, table_folder
from luts.space import OperatorSpace
from luts.spaces import load_space
from luts.table import SIDECAR, LatencyTable
from luts.target import load_target
from predictor._calibrated import adapted_predictor, adapted_table
from predictor._paced import adapt_at_pace
from predictor._sessions import measure_sessions
from predictor.adaptation import GROUPINGS, Adaptation, base_latencies, shares
from predictor.conformal import fewest_scores
from predictor.evaluation import fresh_architectures
from predictor.extremes import Floats
from predictor.load import FOLDER
from predictor.network import NetworkPredictor
from profiler.device import check_threads


@dataclass(frozen=True)
class Calibrated:
    """What a calibration came to.

    Attributes:
        facts: what was done, and where the result lies.
        errors: mean absolute relative error of the table before, with one common factor, and
            adapted, each network predicted without itself.
        judged: the same on the networks of a full table, and its own predictor's; empty: none.
    """

    facts: dict[str, Any]
    errors: dict[str, float]
    judged: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """As it is printed."""
        return asdict(self)


def calibrate(
    *, target: str, recipe: str, samples: int, threads: int, runtime: str | None, precision: str,
    batch: int, source: Path | None, level: float, seed: int, against: Path | None,
    out: Path | None, force: bool, wait_s: float,
) -> Calibrated:
    """See `predictor.calibrate.main`.

    Raises:
        UserError: too few samples for the level, no table to adapt, one of another space, or a
            table that lies where the new one would be saved.
    """
    began = time.monotonic()
    if samples < fewest_scores(level):
        raise UserError(f"--samples {samples} gives no bound at level {level:g}; at least "
                        f"{fewest_scores(level)} do")
    check_threads(threads)
    load_target(target)
    old = load_space(recipe)
    table = LatencyTable.load(source) if source is not None else find_table(target, recipe)
    old = old.at_batch(table.info.batch)
    if table.info.space_hash != space_hash(old):
        raise UserError(f"the table is of '{table.info.recipe}' {table.info.space_hash[:12]}, not "
                        f"of '{recipe}' {space_hash(old)[:12]}; measure that first")
    full = None if against is None else LatencyTable.load(against)
    new = load_space(recipe, batch)
    from profiler.lock import device_lock
    from profiler.timing import runtime_for

    chosen = runtime_for(target, precision, runtime)
    folder = out or table_folder(target, recipe, chosen.name, precision, batch, threads)
    if (folder / SIDECAR).exists() and not force:
        raise UserError(f"{folder} holds a table; replace it with --force, or give another --out")
    base = {op: ms for op, (ms, _) in base_latencies(old, new, table).items()}
    known = {s.vector for s in (full.networks if full else ()) if s.vector is not None}
    vectors = fresh_architectures(new, known, samples, np.random.default_rng(seed))
    with device_lock(target, wait_s=wait_s):
        sessions = measure_sessions(new, vectors, chosen, threads=threads,
                                    precision=precision)
    overhead_ms = table.info.overhead_ms
    times = {name: shares(new, base, overhead_ms, vectors, grouping)
             for name, grouping in GROUPINGS.items()}
    slowness, measured_ms, adaptation = adapt_at_pace(times, sessions, table.info.pace.sensitivity)
    adapted = adapted_table(new, table, adaptation, sessions, measured_ms, slowness,
                       {"target": target, "precision": precision, "batch": batch,
                        "threads": threads})
    before_ms = next(iter(times.values()))[1].sum(axis=1)
    errors = {"table as it was": _mape(before_ms, measured_ms),
              "one common factor": _mape(adaptation.common_ms, measured_ms),
              "adapted": _mape(adaptation.unseen_ms, measured_ms)}
    predictor = adapted_predictor(new, adapted, adaptation, measured_ms, sessions, level, seed)
    adapted.save(folder)
    predictor.save(folder / FOLDER)
    judged = {} if full is None else _judge(new, full, base, overhead_ms, predictor, adaptation,
                                            seed)
    facts = {"source": f"{table.info.recipe} on {table.info.target}, "
             f"{table.info.threads} thread(s), batch {table.info.batch}",
             "samples": samples, "grouping": adaptation.grouping,
             "groups": len(adaptation.factors), "factors": adaptation.factors,
             "margin": predictor.record.margin, "level": level, "folder": str(folder),
             "seconds": time.monotonic() - began, "table": adapted.identity}
    return Calibrated(facts, errors, judged)


def _judge(
    space: OperatorSpace, full: LatencyTable, base: dict[Operator, float], overhead_ms: float,
    predictor: NetworkPredictor, adaptation: Adaptation, seed: int,
) -> dict[str, float]:
    drawn = [s for s in full.networks if s.vector is not None and s.drawn == "uniform"]
    vectors = np.array([s.vector for s in drawn], dtype=np.int64)
    # Both at the pace of their own machine: a level that moved in between is no error of either.
    measured_ms = np.array([s.latency_ms for s in drawn])
    grouping = GROUPINGS[adaptation.grouping]
    before_ms = shares(space, base, overhead_ms, vectors, grouping)[1].sum(axis=1)
    common = float(np.median(measured_ms / before_ms))
    own = NetworkPredictor.fit(space, full, seed=seed, accept_drift=True)
    return {
        "networks": len(drawn), "table as it was": _mape(before_ms, measured_ms),
        "one common factor": _mape(before_ms * common, measured_ms),
        "adapted": _mape(predictor.predict(vectors).latency_ms, measured_ms),
        "full campaign": own.record.quality.mape,
    }


def _mape(predicted_ms: Floats, measured_ms: Floats) -> float:
    return float(np.mean(np.abs(predicted_ms / measured_ms - 1)))
