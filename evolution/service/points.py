"""What a run scored, for plots: every architecture with what its parts cost."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from evolution.bundle.point import find_point
from evolution.reporting.charts import budget_at_table, pareto_front
from evolution.reporting.story import Story, read_story
from evolution.scoring import Candidate
from evolution.service.folders import run_folders
from evolution.service.store.blobs import BlobStore
from evolution.service.store.models import Resource

# Of a ms: less than any device can tell.
_DIGITS = 5


class Point(BaseModel):
    """One architecture that was scored; `error` is the minimised metric."""

    number: int = Field(description="Place among all that was scored, from 1.")
    vector: list[int]
    latency_ms: float
    upper_ms: float
    error: float
    front: bool = Field(description="None that was scored is both faster and better.")
    parts_ms: list[float] = Field(description="Predicted latency of each part; empty where the "
                                              "run did not keep it.")


class RunPoints(BaseModel):
    """A run's plot."""

    target: str = Field(examples=["cpu"])
    recipe: str = Field(examples=["flownas-small"])
    objective: str = Field(description="The metric that `error` is.", examples=["epe"])
    budget_ms: float = Field(examples=[45.0])
    budget_at_table_ms: float = Field(description="The same for predictions, which are at the "
                                      "level of the table.", examples=[43.2])
    verified: bool
    latencies: str = Field(description="What the budget was kept by: a measured table of the "
                                       "target, or an estimated one.", examples=["measured"])
    evidence: str = Field(description="Measurements behind an estimated one, in words.")
    parts: list[str] = Field(description="Names of the parts.", examples=[["stem", "cell1"]])
    points: list[Point]
    winner: int | None = Field(description="Number of the winner; None where it is not among them.")
    best: dict[str, Any]
    reference: dict[str, Any]


class ArchitectureView(BaseModel):
    """One architecture of a run, with what is known of it and where that comes from."""

    run: int = Field(examples=[12])
    number: int = Field(description="Place among all that was scored, from 1.", examples=[17])
    recipe: str = Field(examples=["flownas-small"])
    target: str = Field(examples=["cpu"])
    architecture: dict[str, int | str] = Field(examples=[{"cell1.width": 24, "cell1.kernel": 3}])
    vector: list[int]
    latency_ms: float = Field(description="Predicted.")
    upper_ms: float = Field(description="Upper bound of the prediction.")
    measured_ms: float | None = Field(description="Median on the target; None: not measured.")
    parts_ms: dict[str, float] = Field(description="Predicted latency by part.",
                                       examples=[{"stem": 3.1, "cell1": 5.2}])
    metrics: dict[str, float | None] = Field(examples=[{"epe": 1.21}])
    budget_ms: float
    winner: bool
    provenance: dict[str, Any]


def read_points(run: Resource, blobs: BlobStore) -> RunPoints:
    """The plot of a run.

    Raises:
        NotFoundError: one of its files is not there.
        ServiceError: one of them is damaged or too large.
    """
    with run_folders([run], blobs) as (folder,):
        story = read_story(folder)
        shown = [(number, candidate) for number, candidate in enumerate(story.candidates, start=1)
                 if candidate.metrics.get(story.judged_by) is not None]
        parts = story.evidence.breakdown([candidate.vector for _, candidate in shown])
    front = {candidate.vector for candidate in
             pareto_front([candidate for _, candidate in shown], story.judged_by)}
    result = story.result
    return RunPoints(
        target=result.target, recipe=result.recipe, objective=story.judged_by,
        budget_ms=result.constraint.latency_ms, verified=result.verified,
        budget_at_table_ms=budget_at_table(result),
        latencies=result.latencies, evidence=result.evidence,
        parts=[factor.name for factor in story.evidence.factors],
        points=[Point(number=number, vector=list(one.vector), latency_ms=one.latency_ms,
                      upper_ms=one.upper_ms, error=one.metrics[story.judged_by] or 0.0,
                      front=one.vector in front,
                      parts_ms=[round(ms, _DIGITS) for ms in row])
                for (number, one), row in zip(shown, parts.tolist(), strict=True)],
        winner=next((number for number, one in shown
                     if _values(story, one) == result.best.architecture), None),
        best=result.best.model_dump(mode="json"),
        reference=result.reference.model_dump(mode="json"))


def read_architecture(run: Resource, number: int, blobs: BlobStore) -> ArchitectureView:
    """One of the architectures that a run scored.

    Raises:
        NotFoundError: one of its files is not there.
        ServiceError: there is no such architecture, or a file is damaged or too large.
    """
    with run_folders([run], blobs) as (folder,):
        story = read_story(folder)
        found = find_point(story.candidates, number)
        (parts,) = story.evidence.breakdown([found.vector]).tolist()
    result, evidence = story.result, story.evidence
    chosen = _values(story, found)
    measured = {tuple(done.architecture.items()): done.check.best.median_ms
                for done in result.rounds if done.check.best is not None}
    if result.front is not None:
        measured |= {tuple(point.architecture.items()): point.measured.median_ms
                     for point in result.front.points if point.measured is not None}
    winner = chosen == result.best.architecture
    labels = {(decision.name, value): text for decision in evidence.decisions
              for value, text in zip(decision.choices, decision.labels, strict=False)}
    return ArchitectureView(
        run=run.id, number=number, recipe=result.recipe, target=result.target,
        architecture={name: labels.get((name, value), value) for name, value in chosen.items()},
        vector=list(found.vector), latency_ms=found.latency_ms, upper_ms=found.upper_ms,
        measured_ms=(result.best.measured_latency_ms if winner
                     else measured.get(tuple(chosen.items()))),
        parts_ms=dict(zip((factor.name for factor in evidence.factors), parts, strict=True)),
        metrics=found.metrics, budget_ms=result.constraint.latency_ms, winner=winner,
        provenance=result.provenance.model_dump(mode="json"))


def _values(story: Story, candidate: Candidate) -> dict[str, int]:
    return {decision.name: decision.choices[index] for decision, index in
            zip(story.evidence.decisions, candidate.vector, strict=True)}
