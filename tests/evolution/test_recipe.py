from __future__ import annotations

import copy
from typing import Any

import pytest

from evolution.budget import milliseconds_only, parse_budget
from evolution.recipe import check_recipe, load_recipe
from evolution.strategies.evolution import EvolutionSettings
from luts.errors import CorruptFileError, UnknownNameError, UserError
from luts.recipes import parse_recipe, read_recipe, recipe_names
from luts.spaces import SPACES
from tests.evolution.toys import RECIPE


def test_every_recipe_of_the_package_is_sound_and_has_a_space() -> None:
    assert {"flownas", "flownas-small"} <= set(recipe_names())
    for name in recipe_names():
        recipe = load_recipe(name)
        assert recipe.space in SPACES.names()
        assert recipe.strategy_settings().evaluations > 0
        assert read_recipe(name)["training"] == recipe.training


def test_flownas_is_the_papers_search() -> None:
    recipe = load_recipe("flownas")
    assert recipe.strategy_settings() == EvolutionSettings(
        population=50, generations=20, parents=10, mutations=25, crossovers=25,
        mutation_probability=0.1, tries=10,
    )
    assert recipe.constraints.parameters == 5_000_000


def test_numbers_of_the_training_section_are_numbers() -> None:
    training = read_recipe("flownas-small")["training"]
    assert isinstance(training["learning_rate"], float)
    assert isinstance(training["weight_decay"], float)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("strategy", "settings", "population"), 0,
         r"r\.yaml: strategy\.settings\.population: .*greater than or equal to 1 \(got 0\)"),
        (("strategy", "settings", "colour"), 1, r"r\.yaml: strategy\.settings\.colour: Extra"),
        (("strategy", "fitness"), {}, r"r\.yaml: strategy\.fitness: "),
        (("strategy", "fitness"), {"epe": "good"}, r"r\.yaml: strategy\.fitness\.epe: "),
        (("constraints",), {"parameters": -5}, r"r\.yaml: constraints\.parameters: "),
        (("verification", "rounds"), 0, r"r\.yaml: verification\.rounds: "),
        (("extra",), 1, r"r\.yaml: extra: Extra inputs"),
    ],
)
def test_a_wrong_field_is_named_on_one_line(path: Any, value: Any, message: str) -> None:
    data: Any = copy.deepcopy(RECIPE)
    data["name"] = "r"
    spot = data
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value
    with pytest.raises(CorruptFileError, match=message) as caught:
        check_recipe(data, "r.yaml")
    assert "\n" not in str(caught.value)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown recipe 'flow'; known: .*flownas"):
        load_recipe("flow")
    with pytest.raises(UnknownNameError, match=r"space in r\.yaml 'mars'"):
        check_recipe({**RECIPE, "space": "mars"}, "r.yaml")
    strategy = {"name": "magic", "fitness": {"epe": 1.0}}
    with pytest.raises(UnknownNameError, match="unknown strategy 'magic'"):
        check_recipe({**RECIPE, "strategy": strategy}, "r.yaml")


def test_text_that_is_no_recipe_is_refused() -> None:
    with pytest.raises(CorruptFileError, match=r"r\.yaml is not valid YAML"):
        parse_recipe("a: [1", "r.yaml")
    with pytest.raises(CorruptFileError, match="no mapping"):
        parse_recipe("- 1", "r.yaml")


@pytest.mark.parametrize(
    ("text", "budget_ms"),
    [("45", 45.0), ("45ms", 45.0), (" 4.5 MS ", 4.5), ("80%", 160.0), ("1e2", 100.0),
     ("120 %", 240.0)],
)
def test_budgets_are_read(text: str, budget_ms: float) -> None:
    assert parse_budget(text, 200.0, option="--latency") == pytest.approx(budget_ms)


@pytest.mark.parametrize(
    "text", ["-3", "0", "nan", "inf", "-inf%", "fast", "", "%", "5s", "1_0ms%", "1e999"]
)
def test_other_budgets_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--latency") as caught:
        parse_budget(text, 200.0, option="--latency")
    assert f"'{text}'" in str(caught.value)
    with pytest.raises(UserError, match="--latency-ms"):
        milliseconds_only(text, option="--latency-ms")


def test_a_share_in_milliseconds_points_to_the_other_option() -> None:
    with pytest.raises(UserError, match="use --latency"):
        milliseconds_only("80%", option="--latency-ms")
