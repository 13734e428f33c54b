"""From a library campaign's journal to the library."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from luts.library import RECIPE, LibraryNetwork, Occurrence, OperatorLibrary
from luts.operator import Operator
from luts.records import TableInfo
from profiler._assemble import by_network, disturbed_share, quiet, repeat_noise
from profiler._slowness import Slowness
from profiler._state import CampaignState
from profiler.library.families import family_of


def build_library(state: CampaignState, header: dict[str, Any], *, complete: bool
                  ) -> OperatorLibrary:
    """Builds the library from the journal alone, so that a resumed campaign gives the same.

    Args:
        state: what was measured.
        header: provenance; see `profiler.library.campaign.LibraryCampaign.header`.
        complete: whether the campaign came to its end.
    """
    found = Slowness.fit(state.visits, state.canaries)
    factor = found.of
    visits = by_network(state.visits)
    steps, networks = [], []
    for number, taken in visits.items():
        records = quiet(taken)
        slowness = [factor(v) for v in records]

        def middle(name: str, records: Any = records, slowness: Any = slowness) -> float:
            values = [getattr(v, name) / s for v, s in zip(records, slowness, strict=True)]
            return float(np.median(values))

        networks.append(LibraryNetwork(
            network=number, family=family_of(number), latency_ms=middle("latency_ms"),
            p10_ms=middle("p10_ms"), p90_ms=middle("p90_ms"),
            samples=sum(v.samples for v in records), discarded=sum(v.discarded for v in taken),
            visits=len(taken), unattributed_ms=middle("unattributed_ms"),
            canary_factor=float(np.median(slowness)),
            load=float(np.mean([v.load for v in records])),
        ))
        for path in records[0].by_path_ms:
            times = [v.by_path_ms[path] / s for v, s in zip(records, slowness, strict=True)
                     if path in v.by_path_ms]
            operator = Operator.parse(path.partition(" ")[2])
            steps.append(Occurrence(number, operator, float(np.median(times))))
    settings = header["settings"]
    drift = found.drift.model_copy(update={"disturbed": disturbed_share(visits)})
    info = TableInfo(
        target=settings["target"], recipe=RECIPE, space_hash=header["space_hash"],
        device=header["device"], runtime=header["runtime"],
        runtime_version=header["runtime_version"], precision=settings["precision"],
        batch=settings["batch"], threads=settings["threads"], code_hash=header["code_hash"],
        plan_hash=header["plan_hash"], created=state.created, complete=complete, drift=drift,
        noise=repeat_noise(visits, factor),
        failures=dict(Counter(failure.error for failure in state.failures)),
        settings={"seed": settings["seed"], "planned": header["planned"]}, pace=found.pace,
    )
    return OperatorLibrary(info, steps, networks)
