"""From options to a plan: everything that can be refused is refused here, without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evolution.asked import Asked
from evolution.budget import MILLISECONDS, QUANTITIES, parse_amount, parse_range
from evolution.feasibility import check_tighter, feasible_region
from evolution.folder import AlsoSettings, RunSettings
from evolution.goals import OPTION, Wish, make_goal
from evolution.latencies import find_latencies
from evolution.options import (
    Options,
    for_range,
    latency_asked,
    limits_asked,
    settle_recipe,
    wishes_of,
)
from evolution.place import check_place
from evolution.plan import Plan
from evolution.quantities import quantity
from evolution.recipe import Recipe
from evolution.requirements import LatencyRequirement, QuantityRequirement, Requirement
from luts.estimated import EstimatedTable
from luts.recipes import recipe_text
from luts.space import OperatorSpace
from luts.table import LatencyTable
from luts.target import load_target
from predictor.base import LatencyPredictor

__all__ = ["Options", "plan", "prepare"]

Latencies = tuple[LatencyTable | EstimatedTable, LatencyPredictor]


def prepare(options: Options) -> Plan:
    """Checks everything that can be checked without loading a network.

    Raises:
        UnknownNameError: unknown target, recipe or strategy.
        InfeasibleError: the constraints cannot be kept.
        UserError: a budget, folder, table or predictor that cannot be used.
    """
    return prepare_parts(options, claim=True)


def prepare_parts(options: Options, *, claim: bool = False) -> Plan:
    """A plan, for looking at it only or, if ``claim``, for a run in its folder; see `prepare`."""
    load_target(options.target)
    recipe = settle_recipe(options)
    wishes = wishes_of(options, recipe)
    path = options.out or Path("runs") / f"{recipe.name}-{options.target}-{options.seed}"
    if claim:
        check_place(path, resume=options.resume)
    table, predictor = find_latencies(options.target, recipe.space, options.threads,
                                      accept_estimate=options.accept_estimate)
    also = [find_latencies(wish.target, recipe.space, wish.threads,
                           accept_estimate=options.accept_estimate) for wish in wishes]
    return plan(
        options,
        recipe=recipe,
        text=recipe_text(recipe.name),
        path=path,
        space=predictor.space,
        table=table,
        predictor=predictor,
        also=also,
    )


def plan(
    options: Options,
    *,
    recipe: Recipe,
    text: str,
    path: Path,
    space: OperatorSpace,
    table: LatencyTable | EstimatedTable,
    predictor: LatencyPredictor,
    also: Sequence[Latencies] = (),
) -> Plan:
    """Puts a plan together from parts that are already loaded.

    Args:
        options: what a user asks for.
        recipe: what to do.
        text: the recipe's file.
        path: the run folder.
        space: what is searched.
        table: latencies that were measured, or estimated.
        predictor: fitted to the table.
        also: table and predictor of each further target, in the order of the options.

    Raises:
        InfeasibleError: the constraints cannot be kept.
        UserError: a budget that cannot be used.
    """
    recipe = for_range(recipe, options)
    reference_ms, _ = predictor.predict_reference()
    budget, option = latency_asked(options, recipe)
    goal = make_goal(Wish(options.target, options.threads, budget), table, predictor,
                     option=option)
    wishes = wishes_of(options, recipe)
    others = tuple(make_goal(wish, *parts, option=OPTION)
                   for wish, parts in zip(wishes, also, strict=True))
    asked = Asked(option, options.pareto or budget, budget)
    latency = LatencyRequirement(goal.latency, asked)
    requirements: list[Requirement] = [latency, *(
        LatencyRequirement(other.latency, Asked(
            OPTION, f"{other.latency.label}:{wish.budget}", wish.budget))
        for wish, other in zip(wishes, others, strict=True))]
    limits: dict[str, float] = {}
    for name, (amount, where) in limits_asked(options, recipe).items():
        priced = quantity(name, space, table)
        limits[name] = parse_amount(amount, priced.reference, QUANTITIES[name], option=where)
        requirements.append(
            QuantityRequirement(priced, limits[name], Asked(where, amount, amount)))
    region = feasible_region(space, requirements)
    pareto = None
    if options.pareto is not None:
        low, _ = parse_range(options.pareto, option="--pareto")
        low_ms = parse_amount(low, reference_ms, MILLISECONDS, option="--pareto")
        check_tighter(space, requirements, latency, low_ms, replace(asked, budget=low))
        pareto = (low_ms, goal.latency.budget_ms)
    parameters = limits.pop("parameters", None)
    settings = RunSettings(
        target=options.target,
        recipe=recipe.name,
        recipe_sha256=hashlib.sha256(text.encode()).hexdigest(),
        seed=options.seed,
        latency_ms=goal.latency.budget_ms,
        parameters=None if parameters is None else int(parameters),
        evaluations=options.evaluations or recipe.strategy_settings().evaluations,
        threads=options.threads,
        strategy=options.strategy,
        halving=options.halving,
        table=table.identity,
        reference_latency_ms=reference_ms,
        limits=limits,
        also=tuple(
            AlsoSettings(target=other.target, threads=other.threads,
                         latency_ms=other.latency.budget_ms, table=other.table.identity)
            for other in others
        ),
        level_check=options.level_check,
        pareto=pareto,
        verify_points=options.verify_points,
    )
    return Plan(path, recipe, text, space, table, predictor, region, settings, goal, others,
                tuple(requirements))
