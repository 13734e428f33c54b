"""The result of a search, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evolution import evidence, provenance
from evolution.foretold import foretold
from evolution.front import FrontLog, FrontPoint, FrontResult, corrected, front_of
from evolution.goals import parts_of
from evolution.keeping import kept_limits
from evolution.level import Level
from evolution.plan import Plan
from evolution.result import ConstraintResult, NetworkResult, Provenance, Result, RoundResult
from evolution.rounds import Outcome, Round
from evolution.scoring import finite
from evolution.search import Search
from evolution.strategies.base import Vector
from evolution.verification import Verifier
from luts.target import load_target

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        search: all that was scored.
        verifier: wrote the exported networks.
        outcome: how verification ended.
        levels: what the reference took before the search.
        log: hypervolumes, where a whole front was searched.
        passed: points of that front that verification passed, by architecture.
    """

    search: Search
    verifier: Verifier
    outcome: Outcome
    levels: tuple[Level, ...]
    log: FrontLog | None
    passed: Mapping[Vector, Round]


def answer(plan: Plan, accuracy: AccuracySource, found: Found) -> Result:
    """What ``result.json`` says.

    Args:
        plan: what was searched; its constraints stand as verification left them.
        accuracy: scored the candidates.
        found: what it came to.
    """
    search, outcome = found.search, found.outcome
    settings, chosen = plan.settings, outcome.chosen
    architecture = plan.space.decode(evidence.as_array(chosen.candidate.vector))
    reference_ms, reference_upper_ms = plan.predictor.predict_reference()
    scores = accuracy.score_reference()
    check = chosen.check
    missing = [] if outcome.reason else [goal.latency.label for goal in plan.also
                                         if goal.latency.label not in check.also]
    reason = outcome.reason or not_measured(missing)
    parameters = accuracy.parameters(architecture)
    return Result(
        target=settings.target,
        recipe=settings.recipe,
        seed=settings.seed,
        objective=accuracy.objective,
        constraint=ConstraintResult(
            latency_ms=plan.latency.budget_ms, parameters=settings.parameters
        ),
        limits=kept_limits(plan, chosen.candidate.vector, check, parameters),
        levels=found.levels,
        front=None if found.log is None else _front(plan, search, found.log, found.passed),
        best=NetworkResult(
            architecture=architecture.as_json(),
            predicted_latency_ms=chosen.candidate.latency_ms,
            upper_latency_ms=chosen.candidate.upper_ms,
            measured_latency_ms=check.best.median_ms if check.best else None,
            measured=check.best,
            # A search may go by a score alone; what it did not compute is known from the proof.
            metrics={**chosen.check.torch_metrics, **chosen.candidate.metrics},
            parameters=parameters,
        ),
        reference=NetworkResult(
            architecture=None,
            predicted_latency_ms=reference_ms,
            upper_latency_ms=reference_upper_ms,
            measured_latency_ms=check.reference.median_ms if check.reference else None,
            measured=check.reference,
            metrics={name: finite(value) for name, value in scores.items()},
            parameters=accuracy.parameters(None),
        ),
        verified=not reason,
        reason=reason,
        latencies="estimated" if plan.estimated else "measured",
        evidence=plan.evidence,
        foretold=foretold(plan, chosen.candidate.vector),
        to_verify=_command(plan, missing),
        evaluations=len(search.candidates),
        shared=plan.shared,
        correction=plan.latency.correction,
        rounds=tuple(_round(plan, done) for done in outcome.rounds),
        provenance=_provenance(plan, dict(accuracy.identity)),
    )


def _front(
    plan: Plan, search: Search, log: FrontLog, passed: Mapping[Vector, Round]
) -> FrontResult:
    assert plan.settings.pareto is not None
    scale = plan.latency.budget_ms / plan.settings.latency_ms  # the machine's level
    points = []
    for candidate in front_of(search):
        tried = passed.get(candidate.vector)
        check = None if tried is None else tried.check
        points.append(FrontPoint(
            architecture=plan.space.decode(evidence.as_array(candidate.vector)).as_json(),
            latency_ms=candidate.latency_ms, upper_ms=corrected(search, candidate),
            fitness=candidate.fitness, metrics=candidate.metrics,
            measured=check.best if check else None,
            reference=check.reference if check else None,
            verified=bool(check and check.best is not None),
        ))
    return FrontResult(
        low_ms=plan.settings.pareto[0] * scale, high_ms=plan.latency.budget_ms,
        points=tuple(points), hypervolume=tuple(log.volumes), worst=log.worst,
    )


def not_measured(labels: Sequence[str]) -> str:
    """Why a network that passed elsewhere is not verified; empty where nothing is missing."""
    names = ", ".join(f"'{name}'" for name in labels)
    return f"its latency on {names} is predicted, not measured" if labels else ""


def _command(plan: Plan, missing: Sequence[str]) -> str:
    wanted = [plan.settings.target] if plan.estimated else [parts_of(m)[0] for m in missing]
    if not wanted:
        return ""
    device = "cpu" if load_target(wanted[0]).kind == "cpu" else "cuda:0"
    return provenance.verify_command(plan.path, device)


def _round(plan: Plan, done: Round) -> RoundResult:
    vector = evidence.as_array(done.candidate.vector)
    return RoundResult(
        architecture=plan.space.decode(vector).as_json(),
        predicted_latency_ms=done.candidate.latency_ms,
        upper_latency_ms=done.candidate.upper_ms,
        check=done.check,
    )


def _provenance(plan: Plan, accuracy: dict[str, Any]) -> Provenance:
    info = plan.table.info
    return Provenance(
        versions=provenance.versions(),
        commit=provenance.commit(),
        table=plan.settings.table,
        accuracy=accuracy,
        recipe_sha256=plan.settings.recipe_sha256,
        seed=plan.settings.seed,
        date=provenance.now(),
        threads=plan.settings.threads,
        runtime=f"{info.runtime} {info.runtime_version}",
        precision=info.precision,
        device=dict(info.device),
    )
