"""Table of searched networks beside the hand-designed one, over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks._figures import show

_METRICS = {"EPE": "epe", "F1-all": "fl_all"}
_BASELINE = "reference"


def gain(found: Sequence[dict[str, Any]], network: str, pairs: str, metric: str) -> list[float]:
    """Relative change of an error to that of the baseline of the same seed; negative is better.

    Args:
        found: one record for each seed and network, with its errors by set of pairs.
        network: name.
        pairs: ``rendered`` or ``real``.
        metric: such as ``epe``.
    """
    base = {one["seed"]: one[pairs][metric] for one in found if one["network"] == _BASELINE}
    return [one[pairs][metric] / base[one["seed"]] - 1 for one in found
            if one["network"] == network]


def show_gains(found: Sequence[dict[str, Any]], recipe: str, steps: int) -> None:
    """Prints errors as mean and deviation over seeds, and their change to the baseline."""
    rows = []
    for network in dict.fromkeys(one["network"] for one in found):
        own = [one for one in found if one["network"] == network]
        ratios = [one["latency_ms"] / one["reference_latency_ms"] for one in own
                  if one.get("latency_ms") is not None]
        row = [network, len(own), f"{np.mean(ratios):.2f}" if ratios else "1"]
        for pairs in ("rendered", "real"):
            for metric in _METRICS.values():
                row.append(_spread([one[pairs][metric] for one in own], "{:.3f}"))
                if network != _BASELINE:
                    row[-1] += f" ({np.mean(gain(found, network, pairs, metric)):+.1%})"
        rows.append(row)
    columns = [f"{name}, {pairs}" for pairs in ("rendered", "real") for name in _METRICS]
    show(f"{recipe}, {steps} steps each: errors, and their change to the reference's; "
         "latency measured, over the reference's", ["network", "seeds", "latency", *columns], rows)


def _spread(values: Sequence[float], form: str) -> str:
    mean = form.format(np.mean(values))
    return mean if len(values) < 2 else f"{mean} ± {form.format(np.std(values, ddof=1))}"
