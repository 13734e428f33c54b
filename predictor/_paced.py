"""Sessions of a new condition brought to one pace of the machine, where that helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from luts.records import Pace
from predictor._sessions import Sessions
from predictor.adaptation import Adaptation, adapt
from predictor.extremes import Floats


def adapt_at_pace(
    times: Mapping[str, tuple[Sequence[str], Floats]], sessions: Sessions, sensitivity: float
) -> tuple[Pace, Floats, Adaptation]:
    """Learns factors from sessions at one pace.

    Latencies may go with the pace as they did in the table, or not at all: under another runtime
    or number of threads that is not known before. The errors of networks left out decide.

    Args:
        times: grouping to its groups and the times of the networks by group.
        sessions: what was measured.
        sensitivity: exponent of the pace in the table (see `luts.records.Pace`).

    Returns:
        The pace under the new condition, latencies at it in ms, shape ``(networks,)``, and what
        they teach.
    """
    found = []
    for exponent in sorted({sensitivity, 0.0}, reverse=True):
        pace = Pace(median_ms=float(np.median(sessions.pace_ms)), sensitivity=exponent)
        measured_ms = sessions.latency_ms / [pace.slowness(p) for p in sessions.pace_ms.tolist()]
        adaptation = adapt(times, measured_ms)
        error = float(np.mean(np.abs(adaptation.unseen_ms / measured_ms - 1)))
        found.append((error, (pace, measured_ms, adaptation)))
    return min(found, key=lambda item: item[0])[1]
