"""From options to a plan: everything that can be refused is refused here, without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evolution.budget import MILLISECONDS, QUANTITIES, parse_amount, parse_range
from evolution.constraint import LatencyConstraint
from evolution.feasibility import check_tighter, feasible_region
from evolution.folder import AlsoSettings, RunSettings, check_place
from evolution.goals import OPTION, Goal, Wish, make_goal
from evolution.latencies import find_latencies
from evolution.options import Options, for_range, latency_asked, limits_asked, wishes_of
from evolution.quantities import quantity
from evolution.recipe import Recipe, load_recipe, with_strategy
from evolution.region import Region
from evolution.requirements import LatencyRequirement, QuantityRequirement, Requirement
from luts.estimated import EstimatedTable
from luts.recipes import recipe_text
from luts.space import OperatorSpace
from luts.table import LatencyTable
from luts.target import load_target
from predictor.base import LatencyPredictor

__all__ = ["Options", "Plan", "plan", "prepare"]

Latencies = tuple[LatencyTable | EstimatedTable, LatencyPredictor]


@dataclass(frozen=True)
class Plan:
    """A search that can begin.

    Attributes:
        path: the run folder.
        recipe: what to do.
        recipe_text: the recipe's file.
        space: what is searched.
        table: latencies that were measured, or estimated ones where none were.
        predictor: fitted to the table.
        region: what keeps the constraints.
        settings: what decides the search's result.
        goal: the target that is searched for.
        also: further targets that the network must be quick enough on.
        requirements: all constraints, the latency on the first target first.
    """

    path: Path
    recipe: Recipe
    recipe_text: str
    space: OperatorSpace
    table: LatencyTable | EstimatedTable
    predictor: LatencyPredictor
    region: Region
    settings: RunSettings
    goal: Goal
    also: tuple[Goal, ...]
    requirements: tuple[Requirement, ...]

    @property
    def latency(self) -> LatencyConstraint:
        """The latency constraint on the first target."""
        return self.goal.latency

    @property
    def shared(self) -> float:
        """Factor on upper bounds, see `evolution.constraint.shared_error`."""
        return self.goal.shared

    @property
    def estimated(self) -> bool:
        """Whether the budget is kept by an estimate, so that nothing can be verified here."""
        return isinstance(self.table, EstimatedTable)

    @property
    def evidence(self) -> str:
        """Measurements behind an estimated table, in words; empty for a measured one."""
        return self.table.info.evidence if isinstance(self.table, EstimatedTable) else ""


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
    recipe = load_recipe(options.recipe)
    if options.strategy is not None:
        recipe = with_strategy(recipe, options.strategy)
    latency_asked(options, recipe)
    limits_asked(options, recipe)
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
    others = tuple(
        make_goal(wish, *parts, option=OPTION)
        for wish, parts in zip(wishes_of(options, recipe), also, strict=True)
    )
    requirements: list[Requirement] = [
        LatencyRequirement(goal.latency),
        *(LatencyRequirement(other.latency, option="") for other in others),
    ]
    limits: dict[str, float] = {}
    for name, (amount, where) in limits_asked(options, recipe).items():
        priced = quantity(name, space, table)
        limits[name] = parse_amount(amount, priced.reference, QUANTITIES[name], option=where)
        requirements.append(QuantityRequirement(priced, limits[name]))
    region = feasible_region(space, requirements)
    pareto = None
    if options.pareto is not None:
        low, _ = parse_range(options.pareto, option="--pareto")
        low_ms = parse_amount(low, reference_ms, MILLISECONDS, option="--pareto")
        check_tighter(space, requirements, goal.latency, low_ms)
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
