"""Operator models from latency tables, and how they fare on the device that is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luts.errors import UserError
from luts.operator import Operator
from luts.paths import tables_root
from luts.table import SIDECAR, LatencyTable
from luts.target import load_target, target_names
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.operator_model import OperatorModel


@dataclass(frozen=True)
class DeviceTable:
    """Operators measured on one device.

    Attributes:
        facts: of the device.
        operators: one per row.
        latency_ms: shape ``(rows,)``.
    """

    facts: DeviceFacts
    operators: list[Operator]
    latency_ms: Floats


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Errors on the operators of one device that nothing was learned from; fractions.

    Attributes:
        device: its name.
        operators: how many were judged.
        mape: mean absolute relative error.
        median: median absolute relative error.
        covered: share of measurements inside the interval.
    """

    device: str
    operators: int
    mape: float
    median: float
    covered: float


def read_device(folder: Path) -> DeviceTable:
    """A table with the facts of its device: data sheet for GPUs, reached rates for CPUs.

    Raises:
        UserError: there is no table, or it is empty.
        CorruptFileError: it is damaged.
    """
    table = LatencyTable.load(folder)
    operators = [row.operator for row in table.rows]
    latency_ms = np.array([row.latency_ms for row in table.rows])
    if not operators:
        raise UserError(f"the latency table in '{folder}' holds 0 operators; measure it again")
    info = table.info
    name = f"{info.target}-{info.runtime}-{info.precision}-t{info.threads}"
    if info.target in target_names() and load_target(info.target).kind == "gpu":
        sheet = DeviceFacts.of_target(load_target(info.target))
        facts = DeviceFacts(name, sheet.peak_gflops, sheet.bandwidth_gb_s, sheet.multiprocessors,
                            sheet.l2_mb, sheet.clock_mhz, sheet.power_limit_w)  # fmt: skip
    else:
        facts = DeviceFacts.reached(name, operators, latency_ms, multiprocessors=info.threads)
    return DeviceTable(facts, operators, latency_ms)


def find_devices(but: str) -> list[DeviceTable]:
    """All complete tables below the root, but those of one target.

    Raises:
        UserError: there are none.
    """
    folders = sorted(path.parent for path in tables_root().glob(f"*/*/{SIDECAR}"))
    found = [folder for folder in folders if folder.parent.name != but]
    if not found:
        raise UserError(
            f"no latency table of a target other than '{but}' in '{tables_root()}'; measure one "
            "with: python -m profiler.build_lut --target cpu, or name one with --table"
        )
    return [read_device(folder) for folder in found]


def fit_devices(tables: Sequence[DeviceTable], *, level: float, seed: int) -> OperatorModel:
    """One model of all tables.

    Raises:
        UserError: two tables are of the same device and settings.
    """
    operators = [operator for table in tables for operator in table.operators]
    devices = [table.facts for table in tables for _ in table.operators]
    latency_ms = np.concatenate([table.latency_ms for table in tables])
    return OperatorModel.fit(operators, latency_ms, devices, level=level, seed=seed)


def leave_each_out(tables: Sequence[DeviceTable], *, level: float, seed: int) -> list[LeftOut]:
    """Predicts each table from the others; empty where there is only one.

    Kinds that only the device itself has are left out of the judgement.
    """
    found = []
    for place, table in enumerate(tables):
        others = [*tables[:place], *tables[place + 1 :]]
        if not others:
            break
        model = fit_devices(others, level=level, seed=seed)
        known = [i for i, op in enumerate(table.operators) if op.kind in model.kinds]
        if not known:
            continue
        guess = model.predict([table.operators[i] for i in known], table.facts)
        measured_ms = table.latency_ms[known]
        relative = np.abs(guess.latency_ms / measured_ms - 1)
        inside = (guess.lower_ms <= measured_ms) & (measured_ms <= guess.upper_ms)
        found.append(LeftOut(table.facts.name, len(known), float(relative.mean()),
                             float(np.median(relative)), float(inside.mean())))  # fmt: skip
    return found
