"""What `predictor.transfer` does with a file of networks by devices."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from luts.errors import UserError
from luts.files import writable_folder
from predictor.networks.few_shot import FewShotTransfer
from predictor.networks.rehearsal import leave_each_out
from predictor.networks.table_file import read_table, write_predictions

_SHOTS = 20


def transfer_networks(
    path: Path, device: str, *, propose: int, seed: int, out: Path | None
) -> dict[str, Any]:
    """Estimates all networks on a device, or says which to measure on it.

    Args:
        path: table of networks by devices.
        device: column of the new device.
        propose: networks to name; 0 estimates instead.
        seed: seed of all draws.
        out: file of the estimates.

    Returns:
        A title, facts, and the errors of known devices left out.

    Raises:
        UserError: nothing is measured on the device and nothing is to be proposed, too few
            networks, or a file that cannot be read or written.
    """
    if out is not None:
        writable_folder(out.parent)
    table = read_table(path)
    others, known_ms = table.known_of(device)
    own_ms = table.latency_ms[:, table.devices.index(device)]
    rows = np.flatnonzero(~np.isnan(own_ms))
    if not len(rows) and not propose:
        raise UserError(
            f"nothing is measured on '{device}'; name networks worth measuring with --propose 20"
        )
    shots = len(rows) or propose
    if shots >= len(table.networks):
        raise UserError(
            f"{len(table.networks)} networks and {shots} measurements; nothing is left to estimate"
        )
    transfer = FewShotTransfer(known_ms, table.encoding, seed=seed)
    left = leave_each_out(others, known_ms, table.encoding, shots, seed=seed)
    facts: dict[str, Any] = {
        "networks": len(table.networks),
        "known devices": ", ".join(others),
        "measured": len(rows),
    }
    if propose:
        facts["worth measuring"] = ", ".join(table.networks[i] for i in transfer.propose(propose))
    if len(rows):
        predicted_ms, spread = transfer.predict(rows, own_ms[rows])
        known = np.isin(np.arange(len(predicted_ms)), rows)
        # What was measured keeps its value.
        shown_ms = np.where(known, own_ms, predicted_ms)
        facts["estimated"] = f"{predicted_ms.min():.4g} to {predicted_ms.max():.4g} ms"
        if out is not None:
            write_predictions(out, table.networks, {
                "latency_ms": shown_ms,
                "relative_deviation": np.where(known, 0.0, spread),
                "source": ["measured" if item else "estimated" for item in known],
            })  # fmt: skip
            facts["saved to"] = str(out)
    return {
        "title": f"{device} from {len(others)} known devices",
        "facts": facts,
        "left_out": [asdict(item) for item in left] if len(others) > 1 else [],
    }
