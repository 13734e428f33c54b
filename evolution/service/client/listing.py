"""Lists for people and for scripts: lines of cells with tabs between them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

KINDS = ("jobs", "devices", "tables", "predictors", "libraries", "trainings", "runs", "models",
         "targets", "recipes", "usage")
# Title to where it stands in what the service tells; the first place that has something.
_RESOURCE = {name: (name,) for name in ("id", "target", "key", "origin", "user", "job_id")}
_COLUMNS: dict[str, Mapping[str, tuple[str, ...]]] = {
    "jobs": {
        **{name: (name,) for name in ("id", "kind", "state", "user", "progress_done",
                                      "progress_total")},
        # Where it runs, or the target that it waits for.
        "device": ("device", "run_on"), "message": ("message",)},
    "devices": {name: (name,) for name in ("machine", "name", "target", "alive", "job_id")},
    "runs": {
        "id": ("id",), "target": ("target",), "recipe": ("info.recipe",),
        "budget_ms": ("info.budget_ms",), "measured_ms": ("info.latency_ms",),
        "predicted_ms": ("info.predicted_ms",), "latencies": ("info.latencies",),
        "verified": ("info.verified",), "user": ("user",), "job_id": ("job_id",)},
    "targets": {name: (name,) for name in ("name", "kind", "title", "compute_capability")},
    "usage": {name: (name,) for name in ("user", "running", "max_running", "queued", "max_queued",
                                         "upload_bytes", "max_upload_bytes")},
}


def print_list(what: str, found: Sequence[Any]) -> None:
    """Prints what the service listed; on a terminal with a line of titles before it.

    Args:
        what: one of `KINDS`.
        found: objects, or names.
    """
    columns = _COLUMNS.get(what, _RESOURCE)
    if sys.stdout.isatty() and found and not isinstance(found[0], str):
        print("\t".join(columns))
    for row in found:
        cells = [row] if isinstance(row, str) else [
            next((value for place in places if (value := _at(row, place)) is not None), None)
            for places in columns.values()]
        print("\t".join("-" if cell is None else _text(cell) for cell in cells))


def _at(row: Any, place: str) -> Any:
    for name in place.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def _text(cell: Any) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
