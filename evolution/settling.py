"""The verdict on a finished run from a measurement on its target, kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evolution.export import BEST, REFERENCE
from evolution.folder import RunFolder, read_settings
from evolution.report import write_report
from evolution.result import NetworkResult, Result, load_result
from evolution.verification import Latency, Measured
from luts.errors import UserError


def models(run: Path) -> dict[str, Path]:
    """The exported networks of a finished run, by the names under which they are measured.

    Raises:
        UserError: it is no finished run, or one of them is missing.
    """
    load_result(run)
    found = {"best": run / BEST, "reference": run / REFERENCE}
    for path in found.values():
        if not path.is_file():
            raise UserError(f"'{path}' is missing, so '{run}' cannot be measured; copy the whole "
                            "run folder")
    return found


def settle(run: Path, measured: Mapping[str, Measured], *, runtime: str) -> Result:
    """Writes measurement and verdict into ``result.json``, and the report again.

    What the search found besides (outputs and metrics against torch) stays as it was; a run that
    was struck for those stays struck.

    Args:
        run: folder of a finished run.
        measured: latencies by the names of `models`.
        runtime: what executed them, with its version.

    Returns:
        The new result.

    Raises:
        UserError: it is no finished run, or another process works in its folder.
    """
    with RunFolder(run, read_settings(run)):
        before = load_result(run)
        best_ms, budget_ms = measured["best"].median_ms, before.constraint.latency_ms
        faults = [f"it took {best_ms:.3f} ms of {budget_ms:.3f} ms"] if best_ms > budget_ms else []
        faults += _faults_of_export(before)
        provenance = before.provenance.model_copy(update={"runtime": runtime})
        result = before.model_copy(update={
            "best": _with(before.best, measured["best"]),
            "reference": _with(before.reference, measured["reference"]),
            "verified": not faults,
            "reason": "; ".join(faults),
            "to_verify": "",
            "provenance": provenance,
        })
        result.save(run)
        write_report(run)
        return result


def _faults_of_export(result: Result) -> list[str]:
    """What is wrong with the winner on any device; a struck run's winner need not be its last."""
    check = next(tried.check for tried in result.rounds
                 if tried.architecture == result.best.architecture)
    # A latency above the budget is the last fault that a check names.
    return list(check.faults[:-1] if check.over_budget else check.faults)


def _with(network: NetworkResult, measured: Measured) -> NetworkResult:
    latency = Latency.of(measured)
    return network.model_copy(update={
        "measured": latency, "measured_latency_ms": latency.median_ms})
