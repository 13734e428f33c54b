"""A whole run: search, prove, hand over, report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evolution import evidence
from evolution.answer import Found, answer
from evolution.engines import with_engines
from evolution.export import BEST, REFERENCE, WEIGHTS, export_onnx, export_weights
from evolution.feasibility import feasible_region
from evolution.folder import EXAMPLES, RESULT, RunFolder
from evolution.front import FrontLog, prove_front
from evolution.halving import make_scorer
from evolution.known import known_beforehand
from evolution.ledger import STARTED, Ledger
from evolution.level import Level, check_levels
from evolution.pictures import save_pictures
from evolution.plan import Plan
from evolution.pools.alone import alone
from evolution.pools.base import Pool
from evolution.pools.here import Here
from evolution.progress import View
from evolution.report import REPORT, write_report
from evolution.result import Result, load_result
from evolution.rounds import Outcome, Round, prove
from evolution.search import Search
from evolution.strategies.base import Strategy, Vector
from evolution.verification import Elsewhere, Measurer, Verifier
from luts.errors import InfeasibleError, UserError
from luts.files import write_json

if TYPE_CHECKING:
    from evolution.region import Region
    from supernet.accuracy import AccuracySource


def conduct(
    plan: Plan, accuracy: AccuracySource, measure: Measurer | None, view: View,
    also: Mapping[str, Measurer] | None = None, pool: Pool | None = None,
) -> Result:
    """Carries out a plan, from the start or from where its folder stands.

    Args:
        plan: what to search.
        accuracy: builds and exports networks, and scores them where no pool does.
        measure: measures exported networks on the target; None where it is not here.
        view: is told how it goes.
        also: the same as ``measure`` for those of the plan's further targets that are here, by
            their labels.
        pool: scores architectures (None: this process does).

    Returns:
        What ``result.json`` holds.

    Raises:
        UserError: the folder belongs to another run, or nothing could be scored.
    """
    _strategy(plan, plan.region, accuracy)  # refuses what it cannot do before anything is written
    with RunFolder.open(plan.path, plan.settings, plan.recipe_text) as folder:
        if (folder.path / RESULT).exists():
            result = load_result(folder.path)
        else:
            measurers = {**({} if measure is None else {plan.latency.label: measure}),
                         **(also or {})}
            try:
                result = _search(plan, folder, pool or Here.of(accuracy), measurers, view)
            except UserError:
                folder.withdraw(REFERENCE)
                raise
            if plan.estimated:
                result = with_engines(result, folder.path, view)
            result.save(folder.path)
        if not (folder.path / REPORT).exists():
            write_report(folder.path)
        return result


def _strategy(plan: Plan, region: Region, accuracy: AccuracySource) -> Strategy:
    recipe = plan.recipe
    made = recipe.strategy_class()(region, recipe.strategy_settings(), plan.settings.seed)
    made.inform(known_beforehand(recipe.strategy.fitness, accuracy))
    return made


def _search(
    plan: Plan, folder: RunFolder, pool: Pool, measurers: Mapping[str, Measurer], view: View
) -> Result:
    accuracy, ledger = pool.accuracy, Ledger(folder.journal)
    _same_weights(ledger, accuracy, folder.path)
    found = find(plan, ledger, pool, measurers, folder.path, view)
    _hand_over(plan, accuracy, found.verifier, found.outcome, view)
    return answer(plan, accuracy, found)


def find(
    plan: Plan, ledger: Ledger, pool: Pool, measurers: Mapping[str, Measurer], folder: Path,
    view: View,
) -> Found:
    """Searches and proves; what is handed over beside the exported network is left to others.

    Args:
        plan: what to search; its constraints change as the search learns.
        ledger: keeps all that happens.
        pool: scores architectures; its accuracy source builds and exports networks.
        measurers: by the labels of those targets that are here.
        folder: where the exported networks go.
        view: is told how it goes.

    Raises:
        UserError: nothing could be scored.
    """
    settings, recipe, accuracy = plan.settings, plan.recipe, pool.accuracy
    quiet = {label: alone(measure, pool) for label, measure in measurers.items()}
    limits = recipe.verification
    goals = {goal.latency.label: goal for goal in (plan.goal, *plan.also)}
    verifier = Verifier(
        accuracy,
        quiet.get(plan.latency.label),
        folder,
        latency=plan.latency,
        limits=limits,
        threads=settings.threads,
        also=[Elsewhere(goal.latency, quiet[goal.latency.label]) for goal in plan.also
              if goal.latency.label in quiet],
        parameters=settings.parameters,
    )
    region, levels = plan.region, tuple[Level, ...]()
    if settings.level_check and measurers:
        levels = check_levels(goals, quiet, verifier.reference(), ledger, view)
        region = _region_now(plan, levels)
    strategy = _strategy(plan, region, accuracy)
    scorer = make_scorer(plan.space, pool, recipe.strategy, ledger)
    search = Search(strategy, scorer, region, plan.latency, view)
    log = FrontLog(search, ledger) if settings.pareto is not None else None
    passed: dict[Vector, Round] = {}
    view.begin(settings.evaluations, plan.latency.budget_ms, accuracy.objective)
    try:
        if ledger.replaying:
            view.say("resuming: earlier evaluations are taken from the journal")
        search.advance(settings.evaluations)
        if log is None:
            outcome = prove(search, verifier, ledger, limits, view)
        else:
            outcome, passed = prove_front(search, verifier, ledger, limits, view,
                                          settings.verify_points)
    finally:
        view.end()
        pool.close()
    if outcome is None:
        raise UserError(
            f"none of {len(search.candidates)} architectures has finite metrics; are the weights "
            f"of '{recipe.name}' trained?"
        )
    return Found(search, verifier, outcome, levels, log, passed)


def _region_now(plan: Plan, levels: tuple[Level, ...]) -> Region:
    """What keeps the constraints at the machine's level."""
    try:
        return feasible_region(plan.space, plan.requirements)
    except InfeasibleError as error:
        now = ", ".join(f"{level.ratio - 1:+.1%} on '{level.target}'" for level in levels)
        raise InfeasibleError(f"{error}; that is by what the reference takes now against its "
                              f"table ({now})") from None


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
    write_json(plan.path / EXAMPLES, accuracy.remember())
    evidence.collect(plan, candidate.vector).save(plan.path)
    save_pictures(accuracy, plan.path, plan.settings.threads)
