"""From options to a plan: everything that can be refused is refused here, without torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from evolution.budget import milliseconds_only, parse_budget
from evolution.constraint import LatencyConstraint, ParameterConstraint, shared_error
from evolution.feasibility import feasible_region
from evolution.folder import RunSettings, check_place
from evolution.latencies import find_latencies
from evolution.recipe import Recipe, load_recipe, with_strategy
from evolution.region import Region
from evolution.screening import with_halving
from luts.errors import UserError
from luts.estimated import EstimatedTable
from luts.recipes import recipe_text
from luts.space import OperatorSpace
from luts.table import LatencyTable
from luts.target import load_target
from predictor.base import LatencyPredictor


@dataclass(frozen=True)
class Options:
    """What a user asks for.

    Attributes:
        target: target name.
        recipe: recipe name.
        latency: budget as text, absolute or a percentage; None takes the recipe's.
        latency_ms: budget as text, in milliseconds; None when ``latency`` or the recipe sets it.
        seed: of the search.
        evaluations: architectures to score; None takes the strategy's own number.
        out: run folder; None derives ``runs/<recipe>-<target>-<seed>``.
        resume: go on with the run in that folder.
        threads: threads that the network runs on.
        strategy: as `evolution.recipe.with_strategy` reads it; None takes the recipe's.
        accept_estimate: whether a target will do on which nothing was ever measured.
        halving: as `evolution.screening.with_halving` reads it; None takes the recipe's.
    """

    target: str
    recipe: str = "flownas-small"
    latency: str | None = None
    latency_ms: str | None = None
    seed: int = 0
    evaluations: int | None = None
    out: Path | None = None
    resume: bool = False
    threads: int = 1
    strategy: str | None = None
    accept_estimate: bool = False
    halving: str | None = None


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
        latency: the latency constraint of that region.
        settings: what decides the search's result.
        shared: factor on upper bounds, see `evolution.constraint.shared_error`.
    """

    path: Path
    recipe: Recipe
    recipe_text: str
    space: OperatorSpace
    table: LatencyTable | EstimatedTable
    predictor: LatencyPredictor
    region: Region
    latency: LatencyConstraint
    settings: RunSettings
    shared: float = 1.0

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
    load_target(options.target)
    recipe = load_recipe(options.recipe)
    if options.strategy is not None:
        recipe = with_strategy(recipe, options.strategy)
    if options.halving is not None:
        recipe = with_halving(recipe, options.halving)
    _budget_ms(options, recipe, reference_ms=1.0)
    path = options.out or Path("runs") / f"{recipe.name}-{options.target}-{options.seed}"
    check_place(path, resume=options.resume)
    table, predictor = find_latencies(options.target, recipe.space, options.threads,
                                      accept_estimate=options.accept_estimate)
    return plan(
        options,
        recipe=recipe,
        text=recipe_text(recipe.name),
        path=path,
        space=predictor.space,
        table=table,
        predictor=predictor,
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

    Raises:
        InfeasibleError: the constraints cannot be kept.
        UserError: a budget that cannot be used.
    """
    reference_ms, _ = predictor.predict_reference()
    shared = shared_error(predictor, is_relative(options, recipe))
    latency = LatencyConstraint(predictor, _budget_ms(options, recipe, reference_ms), shared)
    limit = recipe.constraints.parameters
    parameters = ParameterConstraint(space, limit) if limit is not None else None
    region = feasible_region(space, latency, parameters, target=options.target)
    settings = RunSettings(
        target=options.target,
        recipe=recipe.name,
        recipe_sha256=hashlib.sha256(text.encode()).hexdigest(),
        seed=options.seed,
        latency_ms=latency.budget_ms,
        parameters=limit,
        evaluations=options.evaluations or recipe.strategy_settings().evaluations,
        threads=options.threads,
        strategy=options.strategy,
        halving=options.halving,
        table=table.identity,
        reference_latency_ms=reference_ms,
    )
    return Plan(path, recipe, text, space, table, predictor, region, latency, settings,
                shared)


def is_relative(options: Options, recipe: Recipe) -> bool:
    """Whether the budget is a share of the reference's latency."""
    if options.latency_ms is not None:
        return False
    return "%" in (options.latency or recipe.constraints.latency)


def _budget_ms(options: Options, recipe: Recipe, reference_ms: float) -> float:
    if options.latency_ms is not None and options.latency is not None:
        raise UserError("give --latency-ms or --latency, not both")
    if options.latency_ms is not None:
        return milliseconds_only(options.latency_ms, option="--latency-ms")
    if options.latency is not None:
        return parse_budget(options.latency, reference_ms, option="--latency")
    where = f"{recipe.name}.yaml: constraints.latency:"
    return parse_budget(recipe.constraints.latency, reference_ms, option=where)
