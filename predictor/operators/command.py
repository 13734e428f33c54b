"""What `predictor.transfer` does with a target and the tables of other devices."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from luts.errors import CorruptFileError, UserError
from luts.files import writable_folder
from luts.operator import Operator
from luts.target import Target, load_target
from predictor._positive import positive
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.networks.table_file import write_predictions
from predictor.operators.from_tables import (
    find_devices,
    fit_devices,
    leave_each_out,
    read_device,
)


def transfer_operators(
    target: str,
    folders: Sequence[Path],
    measured: Path | None,
    *,
    recipe: str,
    level: float,
    seed: int,
    out: Path | None,
) -> dict[str, Any]:
    """Estimates a recipe's operators on a device from its data sheet and other devices' tables.

    Args:
        target: name of a target, or a TOML file that describes one.
        folders: tables of other devices; empty takes all that are found.
        measured: CSV of operator keys and latencies on the new device.
        recipe: whose operators are estimated.
        level: level of the interval.
        seed: seed of all draws.
        out: file of the estimates.

    Returns:
        A title, facts, and the errors of known devices left out.

    Raises:
        UserError: a target without data sheet, no tables, or a file that cannot be used.
    """
    from luts.spaces import load_space

    facts = DeviceFacts.of_target(_target(target))
    if out is not None:
        writable_folder(out.parent)
    space = load_space(recipe)
    wanted = sorted({
        placed.operator
        for factor in space.factors
        for choices in space.factor_choices(factor)
        for placed in space.lower_factor(factor, choices)
    })  # fmt: skip
    tables = [read_device(f) for f in folders] or find_devices(facts.name)
    model = fit_devices(tables, level=level, seed=seed)
    extra = 0
    if measured is not None:
        operators, latency_ms = _measured(measured)
        extra = len(operators)
        model = model.adapt(operators, latency_ms, facts)
    known = [operator for operator in wanted if operator.kind in model.kinds]
    guess = model.predict(known, facts)
    about: dict[str, Any] = {
        "known devices": ", ".join(table.facts.name for table in tables),
        "operators of the recipe": len(wanted),
        "estimated": len(known),
        "measured on it": extra,
        "interval": f"{np.median(guess.upper_ms / guess.latency_ms) - 1:+.0%} above, median",
    }
    missing = sorted({operator.kind for operator in wanted} - model.kinds)
    if missing:
        about["kinds that no table has"] = ", ".join(missing)
    if out is not None:
        write_predictions(out, [operator.key for operator in known], {
            "latency_ms": guess.latency_ms, "lower_ms": guess.lower_ms,
            "upper_ms": guess.upper_ms, "source": ["estimated"] * len(known),
        }, what="operator")  # fmt: skip
        about["saved to"] = str(out)
    left = leave_each_out(tables, level=level, seed=seed)
    return {
        "title": f"{facts.name}, estimated from {len(tables)} tables and its data sheet",
        "facts": about,
        "left_out": [asdict(item) for item in left],
    }


def _target(name: str) -> Target:
    path = Path(name)
    if path.suffix != ".toml":
        return load_target(name)
    try:
        return Target.model_validate(tomllib.loads(path.read_text()))
    except OSError:
        raise UserError(f"no file '{path}'; wanted a target's name or its TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise CorruptFileError(f"{path} does not describe a target ({error})") from None


def _measured(path: Path) -> tuple[list[Operator], Floats]:
    if not path.is_file():
        raise UserError(f"no file '{path}'; wanted CSV: operator key, ms")
    operators, latency_ms = [], []
    with path.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            # Keys hold commas where an operator has several inputs or attributes.
            key, _, text = ",".join(row).rpartition(",")
            if number == 1 and text.strip() in ("ms", "latency_ms"):
                continue
            value = positive(text)
            if value is None:
                raise CorruptFileError(
                    f"'{path}' line {number}: '{text}' is not a latency in ms above 0"
                )
            operators.append(Operator.parse(key.strip().strip('"')))
            latency_ms.append(value)
    return operators, np.array(latency_ms)
