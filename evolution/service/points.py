"""What a run scored, read from its journal: for plots and comparisons."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field

from evolution.service.errors import NotFoundError, ServiceError
from evolution.service.store.blobs import BlobStore
from evolution.service.store.models import Resource

_JOURNAL_BYTES = 64 << 20


class Point(BaseModel):
    """One architecture that was scored; `error` is the minimised metric."""

    vector: list[int]
    latency_ms: float
    upper_ms: float
    error: float
    front: bool = Field(description="None that was scored is both faster and better.")


class RunPoints(BaseModel):
    """A run's plot."""

    target: str
    objective: str
    budget_ms: float
    verified: bool
    points: list[Point]
    best: dict[str, Any]
    reference: dict[str, Any]


def read_points(run: Resource, blobs: BlobStore) -> RunPoints:
    """The plot of a run.

    Raises:
        NotFoundError: one of its files is not there.
        ServiceError: one of them is damaged or too large to plot.
    """
    files = {file["path"]: file for file in run.files}
    try:
        result = json.loads(_text(files, "result.json", blobs))
        objective = result["objective"]
        points = [point for line in _text(files, "journal.jsonl", blobs).splitlines()
                  if (point := _point(json.loads(line), objective)) is not None]
        _mark_front(points)
        return RunPoints(
            target=result["target"], objective=objective,
            budget_ms=result["constraint"]["latency_ms"], verified=result["verified"],
            points=points, best=result["best"], reference=result["reference"])
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(f"run {run.id} cannot be plotted: its files are damaged "
                           f"({type(error).__name__})") from None


def _text(files: dict[str, Any], name: str, blobs: BlobStore) -> str:
    if name not in files:
        raise NotFoundError(f"this run has no {name}")
    if files[name]["size_bytes"] > _JOURNAL_BYTES:
        raise ServiceError(f"{name} of {files[name]['size_bytes']} bytes is too large to plot")
    return blobs.path(files[name]["sha256"]).read_text(encoding="utf-8")


def _point(record: dict[str, Any], objective: str) -> Point | None:
    if record.get("event") != "evaluated" or record["metrics"].get(objective) is None:
        return None
    return Point(vector=record["vector"], latency_ms=record["latency_ms"],
                 upper_ms=record["upper_ms"], error=record["metrics"][objective], front=False)


def _mark_front(points: list[Point]) -> None:
    least = float("inf")
    for point in sorted(points, key=lambda point: (point.latency_ms, point.error)):
        point.front = point.error < least
        least = min(least, point.error)
