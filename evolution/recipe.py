"""The Recipe: space, task, training and strategy, read from one YAML file and checked."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evolution.strategies.base import STRATEGIES, Strategy, StrategySettings
from luts.errors import CorruptFileError, UnknownNameError, UserError
from luts.recipes import parse_recipe, recipe_text
from luts.spaces import SPACES


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StrategySection(_Section):
    """How architectures are proposed and judged.

    Attributes:
        name: a registered strategy.
        fitness: weight of each metric in the minimised sum.
        settings: options of that strategy.
    """

    name: str = "joint"
    fitness: dict[str, float] = Field(min_length=1)
    settings: dict[str, Any] = {}


class ConstraintSection(_Section):
    """Hard limits.

    Attributes:
        latency: budget, absolute (``45ms``) or relative to the reference (``80%``).
        parameters: largest number of weights of the whole network; None sets no limit.
        memory_mib: largest memory of weights and activations in MiB.
        flops: most floating-point operations (a multiply-add counts as 2).
        energy_mj: most energy of an inference in mJ.
    """

    latency: str = "100%"
    parameters: int | None = Field(default=None, gt=0)
    memory_mib: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    flops: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    energy_mj: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class VerificationSection(_Section):
    """How a winner is proved.

    Attributes:
        rounds: how many winners are measured at most.
        evaluations_per_strike: further architectures scored after one broke the budget.
        output_tolerance: largest absolute difference between the exported model's output and
            torch's, relative to the largest absolute output.
        metric_tolerance: largest relative difference of a validation metric between them.
    """

    rounds: int = Field(default=5, ge=1, le=100)
    evaluations_per_strike: int = Field(default=10, ge=0)
    output_tolerance: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    metric_tolerance: float = Field(default=1e-3, gt=0, allow_inf_nan=False)


class Recipe(_Section):
    """What one YAML file says; the training section is checked by the trainer.

    Attributes:
        name: the file's name without suffix.
        paper: what is reproduced.
        space: name of the search space.
        task: name of the task.
        training: how the supernet is trained.
        data: mixes of data sets that training can take, by name; the trainer checks them.
        strategy: how the search goes.
        constraints: what a result must keep.
        verification: how that is proved.
    """

    name: str
    paper: str = ""
    space: str
    task: str
    training: dict[str, Any]
    data: dict[str, Any] = {}
    strategy: StrategySection
    constraints: ConstraintSection = ConstraintSection()
    verification: VerificationSection = VerificationSection()

    def strategy_class(self) -> type[Strategy]:
        """The strategy that the recipe names.

        Raises:
            UnknownNameError: no such strategy.
        """
        return cast(type[Strategy], STRATEGIES.get(self.strategy.name))

    def strategy_settings(self) -> StrategySettings:
        """The strategy's options, checked.

        Raises:
            CorruptFileError: an option is unknown or out of range.
        """
        section = self.strategy_class().Settings
        try:
            return section.model_validate(self.strategy.settings)
        except ValidationError as error:
            raise CorruptFileError(
                first_problem(f"{self.name}.yaml", error, "strategy.settings")
            ) from None


def load_recipe(name: str) -> Recipe:
    """Reads and checks a recipe of the package.

    Args:
        name: such as ``flownas-small``.

    Raises:
        UnknownNameError: no recipe, space or strategy has the name given.
        CorruptFileError: a field is missing, unknown or wrong; the message names it.
    """
    source = f"{name}.yaml"
    recipe = check_recipe(parse_recipe(recipe_text(name), source), source)
    if recipe.name != name:
        raise CorruptFileError(f"{source}: name: is '{recipe.name}', not the file's '{name}'")
    return recipe


def with_strategy(recipe: Recipe, text: str) -> Recipe:
    """The recipe with another strategy.

    Args:
        recipe: its own options stay where its own strategy is named.
        text: a registered strategy, such as ``joint``, or one with a preset of its options, such
            as ``evolution:vit-resnas``.

    Raises:
        UnknownNameError: no such strategy.
        UserError: it has no such preset.
    """
    name, colon, preset = text.partition(":")
    chosen = cast(type[Strategy], STRATEGIES.get(name)).Settings
    settings = recipe.strategy.settings if name == recipe.strategy.name else {}
    if colon:
        if "preset" not in chosen.model_fields:
            raise UserError(f"--strategy '{text}': '{name}' has no presets; give --strategy {name}")
        settings = {"preset": preset}
    try:
        chosen.model_validate(settings)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"--strategy '{text}': {problem}") from None
    section = recipe.strategy.model_copy(update={"name": name, "settings": settings})
    return recipe.model_copy(update={"strategy": section})


def check_recipe(data: dict[str, Any], source: str) -> Recipe:
    """Checks a recipe that was read as plain data.

    Args:
        data: the sections.
        source: file name, for error messages.

    Raises:
        UnknownNameError: its space or strategy is unknown.
        CorruptFileError: a field is missing, unknown or wrong; the message names it.
    """
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise CorruptFileError(first_problem(source, error)) from None
    if recipe.space not in SPACES.names():
        raise UnknownNameError(f"space in {source}", recipe.space, SPACES.names())
    recipe.strategy_settings()
    return recipe


def first_problem(source: str, error: ValidationError, prefix: str = "") -> str:
    """One line about the first thing that is wrong in a file.

    Args:
        source: file name.
        error: what pydantic found.
        prefix: section that was checked on its own.
    """
    problems = error.errors(include_url=False)
    first = problems[0]
    field = ".".join(str(part) for part in (prefix, *first["loc"]) if part != "")
    got = "" if first["type"] == "missing" else f" (got {first['input']!r})"
    more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{source}: {field}: {first['msg']}{got}{more}"
