"""A whole run: search, prove, hand over, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolution import evidence, provenance
from evolution.export import BEST, WEIGHTS, export_onnx, export_weights
from evolution.folder import RESULT, RunFolder
from evolution.ledger import STARTED, Ledger
from evolution.pictures import save_pictures
from evolution.prepare import Plan
from evolution.progress import View
from evolution.report import REPORT, write_report
from evolution.result import (
    ConstraintResult,
    NetworkResult,
    Provenance,
    Result,
    RoundResult,
    load_result,
)
from evolution.rounds import Outcome, Round, prove
from evolution.scoring import Scorer, finite
from evolution.search import Search
from evolution.verification import Measurer, Verifier
from luts.errors import UserError

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource


def conduct(
    plan: Plan, accuracy: AccuracySource, measure: Measurer | None, view: View
) -> Result:
    """Carries out a plan, from the start or from where its folder stands.

    Args:
        plan: what to search.
        accuracy: scores, builds and exports networks.
        measure: measures exported networks on the target; None where it is not here.
        view: is told how it goes.

    Returns:
        What ``result.json`` holds.

    Raises:
        UserError: the folder belongs to another run, or nothing could be scored.
    """
    with RunFolder.open(plan.path, plan.settings, plan.recipe_text) as folder:
        if (folder.path / RESULT).exists():
            result = load_result(folder.path)
        else:
            result = _search(plan, folder, accuracy, measure, view)
            result.save(folder.path)
        if not (folder.path / REPORT).exists():
            write_report(folder.path)
        return result


def _search(
    plan: Plan, folder: RunFolder, accuracy: AccuracySource, measure: Measurer | None, view: View
) -> Result:
    ledger = Ledger(folder.journal)
    _same_weights(ledger, accuracy, folder.path)
    settings, recipe = plan.settings, plan.recipe
    strategy = recipe.strategy_class()(plan.region, recipe.strategy_settings(), settings.seed)
    scorer = Scorer(plan.space, accuracy, recipe.strategy.fitness, ledger)
    search = Search(strategy, scorer, plan.region, plan.latency, view)
    limits = recipe.verification
    verifier = Verifier(
        accuracy,
        measure,
        folder.path,
        budget_ms=settings.latency_ms,
        limits=limits,
        threads=settings.threads,
    )
    view.begin(settings.evaluations, settings.latency_ms, accuracy.objective)
    try:
        if ledger.replaying:
            view.say("resuming: earlier evaluations are taken from the journal")
        search.advance(settings.evaluations)
        outcome = prove(search, verifier, ledger, limits, view)
    finally:
        view.end()
    if outcome is None:
        raise UserError(
            f"none of {len(search.candidates)} architectures has finite metrics; are the weights "
            f"of '{recipe.name}' trained?"
        )
    _hand_over(plan, accuracy, verifier, outcome, view)
    return _result(plan, accuracy, search, outcome)


def _same_weights(ledger: Ledger, accuracy: AccuracySource, path: Path) -> None:
    identity = dict(accuracy.identity)
    started = ledger.recall(STARTED)
    if started is None:
        ledger.write(STARTED, accuracy=identity)
    elif started.get("accuracy") != identity:
        raise UserError(
            f"--resume: {path} was started with other weights ({started.get('accuracy')}, now "
            f"{identity}); choose another --out"
        )


def _hand_over(
    plan: Plan, accuracy: AccuracySource, verifier: Verifier, outcome: Outcome, view: View
) -> None:
    view.say("writing weights, pictures and report")
    candidate = outcome.chosen.candidate
    architecture = plan.space.decode(evidence.as_array(candidate.vector))
    last = outcome.chosen is outcome.rounds[-1]
    network = accuracy.network(architecture)
    if not (last and (plan.path / BEST).exists()):
        export_onnx(accuracy, network, plan.path / BEST)
    verifier.reference()
    header = {"recipe": plan.recipe.name, "architecture": json.dumps(architecture.as_json())}
    export_weights(network, plan.path / WEIGHTS, header)
    evidence.collect(plan, candidate.vector).save(plan.path)
    save_pictures(accuracy, plan.path, plan.settings.threads)


def _result(plan: Plan, accuracy: AccuracySource, search: Search, outcome: Outcome) -> Result:
    settings, chosen = plan.settings, outcome.chosen
    architecture = plan.space.decode(evidence.as_array(chosen.candidate.vector))
    reference_ms, reference_upper_ms = plan.predictor.predict_reference()
    scores = accuracy.score_reference()
    check = chosen.check
    return Result(
        target=settings.target,
        recipe=settings.recipe,
        seed=settings.seed,
        objective=accuracy.objective,
        constraint=ConstraintResult(
            latency_ms=settings.latency_ms, parameters=settings.parameters
        ),
        best=NetworkResult(
            architecture=architecture.as_json(),
            predicted_latency_ms=chosen.candidate.latency_ms,
            upper_latency_ms=chosen.candidate.upper_ms,
            measured_latency_ms=check.best.median_ms if check.best else None,
            measured=check.best,
            # A search may go by a score alone; what it did not compute is known from the proof.
            metrics={**check.torch_metrics, **chosen.candidate.metrics},
            parameters=accuracy.parameters(architecture),
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
        verified=outcome.verified,
        reason=outcome.reason,
        latencies="estimated" if plan.estimated else "measured",
        evidence=plan.evidence,
        to_verify=provenance.verify_command(plan.path) if plan.estimated else "",
        evaluations=len(search.candidates),
        shared=plan.shared,
        correction=plan.latency.correction,
        rounds=tuple(_round(plan, done) for done in outcome.rounds),
        provenance=_provenance(plan, dict(accuracy.identity)),
    )


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
