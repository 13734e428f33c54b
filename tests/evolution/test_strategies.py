"""What strategies do beyond the seam, and how they are named."""

from __future__ import annotations

import numpy as np
import pytest

from evolution.pareto import hypervolume, ranks
from evolution.recipe import check_recipe, with_strategy
from evolution.region import Region
from evolution.strategies.base import STRATEGIES
from evolution.strategies.evolution import Evolution, EvolutionSettings
from evolution.strategies.exact import Exact, ExactSettings
from evolution.strategies.joint import JointSettings
from evolution.strategies.nsga2 import Nsga2, Nsga2Settings
from evolution.strategies.random import Random, RandomSettings
from luts.errors import UnknownNameError, UserError
from tests.evolution.regions import best_found, region_of
from tests.evolution.toys import RECIPE, Toys


def test_strategies_are_found_by_name() -> None:
    assert STRATEGIES.get("evolution") is Evolution
    message = "unknown strategy 'annealing'; known: additive, .*evolution"
    with pytest.raises(UnknownNameError, match=message):
        STRATEGIES.get("annealing")


def test_nsga2_approaches_the_front(toys: Toys) -> None:
    everything = toys.space.everything()
    region = Region(toys.space, [], toys.predictor.fastest()[None])

    def objectives(vectors: np.ndarray) -> np.ndarray:
        return np.column_stack([toys.accuracy.epe(vectors),
                                toys.predictor.predict(vectors).latency_ms])

    worst = objectives(everything).max(axis=0) * 1.01
    strategy = Nsga2(region, Nsga2Settings(population=20), 0)
    assert strategy.objectives == ("fitness", "latency_ms")
    for _ in range(8):
        vectors = strategy.ask(20)
        strategy.tell(vectors, objectives(vectors))
    vectors, values = strategy.front()
    np.testing.assert_allclose(values, objectives(vectors))
    assert (ranks(values) == 0).all()
    best = hypervolume(objectives(everything), worst)
    drawn = toys.space.sample(np.random.default_rng(0), 160)
    by_chance = hypervolume(objectives(drawn), worst)
    assert by_chance < hypervolume(values, worst) <= best
    assert hypervolume(values, worst) > 0.97 * best


@pytest.mark.parametrize("names", [("latency_ms", "fitness"), ("fitness", "charm"), ("fitness",),
                                   ("fitness", "flops", "flops")])
def test_nsga2_refuses_other_objectives(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="fitness|at least 2"):
        Nsga2Settings(objectives=names)


def test_an_exact_search_says_what_its_optimum_is_worth(toys: Toys) -> None:
    region = region_of(toys, 900)
    strategy = Exact(region, ExactSettings(), 0)
    assert strategy.optimum is None
    for _ in range(2):
        vectors = strategy.ask(10)
        assert strategy.optimum is not None
        assert strategy.optimum.vector == tuple(vectors[0])
        assert strategy.optimum.bound == pytest.approx(strategy.optimum.score)
        strategy.tell(vectors, toys.accuracy.epe(vectors))


@pytest.mark.parametrize("name", ["joint", "predictor-guided", "exact"])
def test_models_save_evaluations(toys: Toys, name: str) -> None:
    region = region_of(toys, 900)
    everything = toys.space.everything()
    allowed = everything[region.allowed(everything)]
    optimum = toys.accuracy.epe(allowed).min()
    made = STRATEGIES.get(name)
    strategy = made(region, made.Settings(), 0)
    assert best_found(toys, strategy, 12, 5) < optimum + 0.003


def test_too_many_objectives_are_refused(region: Region) -> None:
    strategy = Random(region, RandomSettings(), 0)
    vectors = strategy.ask(3)
    with pytest.raises(UserError, match="2 objectives were told, wanted are fitness"):
        strategy.tell(vectors, np.zeros((3, 2)))


def test_a_recipe_takes_another_strategy_by_name() -> None:
    recipe = check_recipe(dict(RECIPE), "flownas-small.yaml")
    assert with_strategy(recipe, "evolution") == recipe
    assert with_strategy(recipe, "joint").strategy_settings() == JointSettings()
    preset = with_strategy(recipe, "evolution:spvnas").strategy_settings()
    assert preset == EvolutionSettings(preset="spvnas")
    with pytest.raises(UnknownNameError, match="unknown strategy 'best'"):
        with_strategy(recipe, "best")
    with pytest.raises(UserError, match="--strategy 'evolution:best': unknown preset 'best'"):
        with_strategy(recipe, "evolution:best")
    with pytest.raises(UserError, match="--strategy 'exact:best': 'exact' has no presets"):
        with_strategy(recipe, "exact:best")
