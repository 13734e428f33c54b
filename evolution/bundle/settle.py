"""The verdict on a bundle from a measurement on its target, written beside what it vouches for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from evolution import provenance
from evolution.bundle.manifest import SUMS, Manifest
from evolution.verification import Latency, Measured
from luts.files import sha256, write_json

# No part of the bundle, which stays as it was made.
SETTLED = "settled.json"


class Settled(BaseModel):
    """``settled.json``.

    Attributes:
        sums_sha256: of the bundle's ``SHA256SUMS``, so that it cannot pass for another's.
        difference: from the golden outputs, as the bundle measures it.
        faults: why it fails; empty for PASS.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Literal["PASS", "FAIL"]
    target: str
    device: str
    runtime: str
    budget_ms: float
    expected_ms: float | None
    measured: Latency
    difference: float
    faults: tuple[str, ...]
    sums_sha256: str
    date: str


def settle_bundle(
    folder: Path, manifest: Manifest, measure: Callable[[], Measured], *,
    difference: float, device: str, runtime: str,
) -> Settled:
    """Measures, judges, and writes ``settled.json``.

    Args:
        folder: the bundle.
        manifest: of it.
        measure: times its model on the target.
        difference: of its outputs there from the golden ones.
        device: such as ``cuda:0``.
        runtime: what executed it, with its version.
    """
    measured = Latency.of(measure())
    faults = []
    if not difference <= manifest.tolerance.relative:
        faults.append(f"its outputs differ by {difference:.3g} from the golden ones "
                      f"({manifest.tolerance.measure}; allowed {manifest.tolerance.relative:.3g})")
    if measured.median_ms > manifest.budget_ms:
        faults.append(f"it took {measured.median_ms:.3f} ms of {manifest.budget_ms:.3f} ms")
    settled = Settled(
        verdict="FAIL" if faults else "PASS", target=manifest.target, device=device,
        runtime=runtime, budget_ms=manifest.budget_ms, expected_ms=manifest.expected.latency_ms,
        measured=measured, difference=difference, faults=tuple(faults),
        sums_sha256=sha256(folder / SUMS), date=provenance.now(),
    )
    write_json(folder / SETTLED, settled.model_dump(mode="json"))
    return settled
