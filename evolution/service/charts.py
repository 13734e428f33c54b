"""Charts and tables of runs, as `evolution.report` makes them, for the dashboard to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from evolution.reporting.story import read_story
from evolution.service.errors import ServiceError
from evolution.service.folders import run_folders
from evolution.service.store.blobs import BlobStore
from evolution.service.store.models import Resource

MOST_RUNS = 20


class Charts(BaseModel):
    """Plotly figures by name."""

    figures: dict[str, Any] = Field(examples=[{"calibration": {"data": [], "layout": {}}}])


class Comparison(Charts):
    """Several runs beside each other; a cell is None where it is not known."""

    objective: str = Field(examples=["epe"])
    columns: list[str] = Field(examples=[["run", "target", "budget_ms"]])
    rows: list[dict[str, Any]] = Field(examples=[[{"run": "run-3", "budget_ms": 45.0}]])


def read_charts(run: Resource, blobs: BlobStore) -> Charts:
    """A run's charts.

    Raises:
        NotFoundError: one of its files is not there.
        ServiceError: one of them is damaged or too large.
    """
    from evolution.reporting.page import figures

    with run_folders([run], blobs) as (folder,):
        return Charts(figures=figures(read_story(folder)))


def compare(runs: Sequence[Resource], blobs: BlobStore) -> Comparison:
    """Several runs beside each other.

    Raises:
        NotFoundError: a file of one is not there.
        ServiceError: they cannot be compared, or a file is damaged or too large.
    """
    from evolution.reporting.comparing import read_runs
    from evolution.reporting.comparison import columns, figures

    if not 2 <= len({run.id for run in runs}) == len(runs):
        raise ServiceError(f"{len(runs)} runs cannot be compared; name two or more, each once")
    with run_folders(runs, blobs) as folders:
        found = read_runs(folders)
    return Comparison(objective=found[0].result.objective, columns=columns(found),
                      rows=[one.row() for one in found], figures=figures(found))
