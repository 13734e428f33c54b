"""The verdict on a finished run from a measurement on its target, kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evolution.answer import not_measured
from evolution.export import BEST, REFERENCE
from evolution.folder import RunFolder, read_settings
from evolution.goals import parts_of
from evolution.report import write_report
from evolution.reporting.page import render
from evolution.reporting.story import read_story
from evolution.result import LimitResult, NetworkResult, Result, load_result
from evolution.verification import Latency, Measured
from luts.errors import UserError
from luts.files import writable_folder


def models(run: Path) -> dict[str, Path]:
    """The exported networks of a finished run, by the names under which they are measured.

    What is written after the measurement is tried before it: a verdict must not be lost, or stand
    in the result alone, because the report's files were not copied.

    Raises:
        UserError: it is no finished run, one of its files is missing, or it cannot be written.
        CorruptFileError: one of its files is damaged.
    """
    read_settings(run)
    render(read_story(run))
    writable_folder(run)
    found = {"best": run / BEST, "reference": run / REFERENCE}
    for path in found.values():
        if not path.is_file():
            raise UserError(f"'{path}' is missing, so '{run}' cannot be measured; copy the whole "
                            "run folder")
    return found


def place_of(result: Result, target: str) -> tuple[str, int] | None:
    """Which of a run's targets a device is.

    Args:
        result: of the run.
        target: name of the device's target.

    Returns:
        Its label, empty for the one that was searched for, and its threads; None: none of them.
        A further target that is the same device with other threads comes when the first was
        measured.
    """
    first = ("", result.provenance.threads)
    others = [limit for limit in result.latency_limits[1:] if parts_of(limit.target)[0] == target]
    left = [limit for limit in others if limit.measured is None]
    if target == result.target and not (left and result.best.measured is not None):
        return first
    return next(((limit.target, parts_of(limit.target)[1]) for limit in [*left, *others]), None)


def settle(
    run: Path, measured: Mapping[str, Measured], *, runtime: str, label: str = ""
) -> Result:
    """Writes measurement and verdict into ``result.json``, and the report again.

    What the search found besides (outputs and metrics against torch) stays as it was; a run that
    was struck for those stays struck.

    Args:
        run: folder of a finished run.
        measured: latencies by the names of `models`.
        runtime: what executed them, with its version.
        label: the further target that was measured; empty for the one that was searched for.

    Returns:
        The new result.

    Raises:
        UserError: it is no finished run, or another process works in its folder.
    """
    with RunFolder(run, read_settings(run)):
        before = load_result(run)
        found = before.model_copy(update={"limits": _limits(before, measured, label)})
        if not label:
            provenance = before.provenance.model_copy(update={"runtime": runtime})
            found = found.model_copy(update={
                "best": _with(before.best, measured["best"]),
                "reference": _with(before.reference, measured["reference"]),
                "provenance": provenance,
            })
        missing = found.unmeasured
        faults = _faults_of_latency(found) + _faults_of_export(before)
        faults += [not_measured(missing)] if missing else []
        result = found.model_copy(update={
            "verified": not faults,
            "reason": "; ".join(faults),
            "to_verify": before.to_verify if missing else "",
        })
        result.save(run)
        write_report(run)
        return result


def _limits(
    result: Result, measured: Mapping[str, Measured], label: str
) -> tuple[LimitResult, ...]:
    """The limits, that on the measured target with its measurement."""
    own = label or (result.latency_limits[0].target if result.limits else "")
    return tuple(
        limit.model_copy(update={"measured": measured["best"].median_ms})
        if limit.name == "latency_ms" and limit.target == own else limit
        for limit in result.limits
    )


def _faults_of_latency(result: Result) -> list[str]:
    """Budgets that are broken, the searched target's first."""
    best_ms, budget_ms = result.best.measured_latency_ms, result.constraint.latency_ms
    faults = []
    if best_ms is not None and best_ms > budget_ms:
        faults.append(f"it took {best_ms:.3f} ms of {budget_ms:.3f} ms")
    return faults + [
        f"on '{limit.target}' it took {limit.measured:.3f} ms of {limit.limit:.3f} ms"
        for limit in result.latency_limits[1:]
        if limit.measured is not None and limit.measured > limit.limit
    ]


def _faults_of_export(result: Result) -> list[str]:
    """What is wrong with the winner on any device; a struck run's winner need not be its last."""
    check = next(tried.check for tried in result.rounds
                 if tried.architecture == result.best.architecture)
    # Latencies above a budget are the last faults that a check names.
    slow = len(check.over_also) + check.over_budget
    return list(check.faults[: len(check.faults) - slow])


def _with(network: NetworkResult, measured: Measured) -> NetworkResult:
    latency = Latency.of(measured)
    return network.model_copy(update={
        "measured": latency, "measured_latency_ms": latency.median_ms})
