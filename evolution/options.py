"""What a user asks of a search, and what the recipe says where they say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evolution.budget import QUANTITIES, milliseconds_only, parse_amount, parse_budget, parse_range
from evolution.goals import OPTION, Wish, parse_wish
from evolution.recipe import Recipe, load_recipe, with_strategy
from evolution.screening import with_halving
from luts.errors import UserError


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
        limits: names of `evolution.quantities.UNITS` to limits as text, absolute or a percentage
            of the reference's; they take the place of the recipe's.
        also: further targets, as `evolution.goals.parse_wish` reads them.
        pareto: range of budgets, see `evolution.budget.parse_range`, over which the whole front is
            searched; None searches for one budget.
        verify_points: points of that front that are measured.
        halving: as `evolution.screening.with_halving` reads it; None takes the recipe's.
        level_check: whether the reference is measured first, see `evolution.level`.
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
    limits: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    level_check: bool = False
    pareto: str | None = None
    verify_points: int = 3


def settle_recipe(options: Options) -> Recipe:
    """The recipe with what the options put in its place, once all that they say was looked at.

    Raises:
        UnknownNameError: no such recipe or strategy.
        UserError: a budget or limit is none, or the strategy cannot do what is asked for.
    """
    recipe = load_recipe(options.recipe)
    if options.strategy is not None:
        recipe = with_strategy(recipe, options.strategy)
    if options.halving is not None:
        recipe = with_halving(recipe, options.halving)
    latency_asked(options, recipe)
    limits_asked(options, recipe)
    return for_range(recipe, options)


def wishes_of(options: Options, recipe: Recipe) -> list[Wish]:
    """The further targets.

    Raises:
        UnknownNameError: no such target.
        UserError: a budget is no budget or missing, or a target comes twice.
    """
    budget, _ = latency_asked(options, recipe)
    usual = budget if "%" in budget else None
    wishes = [parse_wish(text, usual) for text in options.also]
    places = [(options.target, options.threads), *((w.target, w.threads) for w in wishes)]
    for place, text in zip(places[1:], options.also, strict=True):
        if places.count(place) > 1:
            raise UserError(f"{OPTION} '{text}' names a target twice; give another, or other "
                            "threads, such as cpu@2")
    return wishes


def limits_asked(options: Options, recipe: Recipe) -> dict[str, tuple[str, str]]:
    """Limits beside latency: name to the text and where it was given; options come first.

    Raises:
        UserError: one is no limit.
    """
    found = {}
    for name in QUANTITIES:
        given, usual = options.limits.get(name), getattr(recipe.constraints, name)
        if given is not None:
            found[name] = (given, f"--{name.replace('_', '-')}")
        elif usual is not None:
            found[name] = (str(usual), f"{recipe.name}.yaml: constraints.{name}:")
    for name, (text, where) in found.items():
        parse_amount(text, 1.0, QUANTITIES[name], option=where)
    return found


def latency_asked(options: Options, recipe: Recipe) -> tuple[str, str]:
    """The latency budget as text, and where it was given.

    Raises:
        UserError: it was given twice, or is none.
    """
    if options.pareto is not None:
        if options.latency_ms is not None or options.latency is not None:
            raise UserError("give --pareto, or --latency or --latency-ms, not both")
        return parse_range(options.pareto, option="--pareto")[1], "--pareto"
    if options.latency_ms is not None and options.latency is not None:
        raise UserError("give --latency-ms or --latency, not both")
    if options.latency_ms is not None:
        milliseconds_only(options.latency_ms, option="--latency-ms")
        return options.latency_ms, "--latency-ms"
    text = options.latency or recipe.constraints.latency
    where = "--latency" if options.latency is not None else (
        f"{recipe.name}.yaml: constraints.latency:")
    parse_budget(text, 1.0, option=where)
    return text, where


def for_range(recipe: Recipe, options: Options) -> Recipe:
    """The recipe with a strategy that searches a whole front, where that is asked for.

    Args:
        recipe: as the options left it.
        options: the range, if there is one.

    Raises:
        UserError: its strategy looks for one network only.
    """
    if options.pareto is None:
        return recipe
    section = recipe.strategy
    if section.name not in ("joint", "front", "nsga2"):
        raise UserError(f"--pareto: strategy '{section.name}' looks for one network; give "
                        "--strategy joint or --strategy nsga2")
    if section.name == "nsga2":
        return recipe
    low, high = (parse_budget(text, 1.0, option="--pareto")
                 for text in parse_range(options.pareto, option="--pareto"))
    settings = {**section.settings, "low": low / high}
    changed = section.model_copy(update={"name": "front", "settings": settings})
    return recipe.model_copy(update={"strategy": changed})
