"""Checks of what an operator model is given."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from luts.errors import UserError
from luts.operator import Operator
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.operators.features import Indices


def rows_by_kind(operators: Sequence[Operator]) -> dict[str, Indices]:
    """Rows of each kind, kinds sorted."""
    found: dict[str, list[int]] = {}
    for row, operator in enumerate(operators):
        found.setdefault(operator.kind, []).append(row)
    return {kind: np.array(found[kind], dtype=np.int64) for kind in sorted(found)}


def checked(operators: Sequence[Operator], latency_ms: Floats) -> Floats:
    """Latencies as an array.

    Raises:
        UserError: not one positive number per operator, or none at all.
    """
    latency_ms = np.asarray(latency_ms, dtype=float)
    if not len(operators) or len(operators) != len(latency_ms):
        raise UserError(
            f"{len(operators)} operators with {len(latency_ms)} latencies; wanted one each, and at "
            "least 1"
        )
    wrong = np.flatnonzero(~(np.isfinite(latency_ms) & (latency_ms > 0)))
    if len(wrong):
        raise UserError(
            f"operator {operators[wrong[0]].key} took {latency_ms[wrong[0]]} ms; latencies must "
            "be finite and above 0 ms"
        )
    return latency_ms


def distinct(listed: Sequence[DeviceFacts]) -> tuple[list[DeviceFacts], Indices]:
    """Distinct devices, and the index of each row's.

    Raises:
        UserError: two devices of one name.
    """
    by_name: dict[str, DeviceFacts] = {}
    for device in listed:
        if by_name.setdefault(device.name, device) != device:
            raise UserError(f"two devices with different facts are both named '{device.name}'")
    place = {name: index for index, name in enumerate(by_name)}
    return list(by_name.values()), np.array([place[device.name] for device in listed])


def codes(labels: Sequence[Hashable]) -> Indices:
    """A number per distinct label."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(label, len(seen)) for label in labels], dtype=np.int64)
