"""The two sides of a comparison: latencies with their noise, and where they come from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import ValidationError

from luts.errors import CorruptFileError, UserError
from luts.files import read_json
from luts.records import Drift, LatencyRow, Pace
from luts.table import SIDECAR, LatencyTable
from profiler.model_times import ModelTimes

# A measured model carries no noise from one load to the next; these are taken for it.
_BETWEEN_LOADS = 0.01
_BETWEEN_PROFILES = 0.03
# Profiled times are cut to whole microseconds.
_CUT_MS = 0.3e-3
# No latency is known better than this.
_LEAST = 0.002
# Ratio of the range between the percentiles 10 and 90 to a standard deviation, normal scatter,
# and standard error of a median over that of a mean.
_RANGE, _MEDIAN_PENALTY = 2.563, 1.2533
# The canary's movement spans about two standard deviations of the level to either side.
_MOVEMENT = 4.0


@dataclass(frozen=True, slots=True)
class Value:
    """One latency.

    Attributes:
        latency_ms: median.
        noise: relative standard deviation that a measurement of it has.
    """

    latency_ms: float
    noise: float


@dataclass(frozen=True)
class Side:
    """One of two measurements.

    Attributes:
        what: ``table`` or ``model``.
        facts: what should be the same on both sides, name to value.
        groups: such as ``operators`` to name to value.
        level_noise: relative standard deviation that all values have in common.
        noise_source: where the noise is known from.
        warnings: why it should be doubted.
        pace: usual speed of the machine beside it, where a probe told it.
    """

    what: str
    facts: dict[str, Any]
    groups: dict[str, dict[str, Value]]
    level_noise: float
    noise_source: str
    warnings: tuple[str, ...] = ()
    pace: Pace = field(default_factory=Pace)


def load_side(path: Path) -> Side:
    """Reads a table's folder, or a file of ``profiler.measure --json``.

    Raises:
        UserError: it is neither, or cannot be read.
        CorruptFileError: it is damaged.
    """
    try:
        return _load(path)
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({error.strerror or error})") from None


def _load(path: Path) -> Side:
    if path.is_dir():
        if not (path / SIDECAR).exists():
            raise UserError(f"'{path}' holds no latency table (no {SIDECAR})")
        return table_side(LatencyTable.load(path))
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("kind") != "metronas.measure":
        raise UserError(f"'{path}' is neither a table's folder nor written by "
                        "python -m profiler.measure MODEL.onnx --json")
    try:
        return model_side(ModelTimes.model_validate(raw))
    except ValidationError as error:
        raise CorruptFileError(f"{path} does not describe a measured model ({error})") from None


def table_side(table: LatencyTable) -> Side:
    """A latency table.

    Each network was visited twice, so its noise is that of one visit over sqrt(2). A row is a
    median over contexts: their scatter is counted as noise, though it is partly the same on both
    sides where both measured the same networks; the verdict errs towards "same".
    """
    info = table.info
    visits = info.noise / math.sqrt(2)
    correction = info.drift.spread if info.drift.verdict == "corrected" else 0.0
    whole = max(_LEAST, math.hypot(visits, correction))
    networks: dict[str, list[float]] = defaultdict(list)
    for sample in table.networks:
        name = "reference" if sample.vector is None else ",".join(map(str, sample.vector))
        networks[name].append(sample.latency_ms)
    facts = {
        "target": info.target, "device": info.device.get("model"), "runtime": info.runtime,
        "runtime version": info.runtime_version, "precision": info.precision, "batch": info.batch,
        "threads": info.threads, "recipe": info.recipe, "space": info.space_hash[:12],
        "plan": info.plan_hash[:12], "measuring code": info.code_hash[:12],
    }
    return Side(
        "table", facts,
        {"networks": {name: Value(median(times), whole) for name, times in networks.items()},
         "operators": {row.operator.key: Value(row.latency_ms, math.hypot(whole, _row_noise(row)))
                       for row in table.rows}},
        info.drift.movement / _MOVEMENT, "sidecar", _doubts(info.drift, complete=info.complete),
        info.pace,
    )


def model_side(times: ModelTimes) -> Side:
    """A measured model; layers of one name are counted together."""
    layers: dict[str, float] = defaultdict(float)
    for layer in times.layers:
        layers[f"{layer.name} ({layer.kind})"] += layer.latency_ms
    facts = {
        "target": times.target, "device": times.device.get("model"), "runtime": times.runtime,
        "runtime version": times.runtime_version, "precision": times.precision,
        "threads": times.threads, "model": times.model_sha256[:12],
    }
    whole = Value(times.median_ms, max(_LEAST, times.error))
    return Side(
        "model", facts,
        {"whole": {"end to end": whole},
         "layers": {name: Value(ms, math.hypot(_BETWEEN_PROFILES, _CUT_MS / ms))
                    for name, ms in layers.items() if ms > 0}},
        _BETWEEN_LOADS, "assumed",
    )


def _row_noise(row: LatencyRow) -> float:
    spread = (row.p90_ms - row.p10_ms) / _RANGE / row.latency_ms
    return _MEDIAN_PENALTY * spread / math.sqrt(max(1, row.contexts))


def _doubts(drift: Drift, *, complete: bool) -> tuple[str, ...]:
    found: Sequence[tuple[bool, str]] = (
        (drift.verdict == "drifting", "the machine was too unsteady during its campaign"),
        (not complete, "its campaign is unfinished"),
    )
    return tuple(words for holds, words in found if holds)
