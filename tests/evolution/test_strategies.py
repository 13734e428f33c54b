from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from evolution.constraint import LatencyConstraint
from evolution.pareto import hypervolume, ranks
from evolution.recipe import check_recipe, with_strategy
from evolution.region import Region
from evolution.strategies.base import STRATEGIES, Strategy
from evolution.strategies.evolution import PRESETS, Evolution, EvolutionSettings
from evolution.strategies.exact import Exact, ExactSettings
from evolution.strategies.guided import Guided, GuidedSettings
from evolution.strategies.joint import Joint, JointSettings
from evolution.strategies.nsga2 import Nsga2, Nsga2Settings
from evolution.strategies.random import Random, RandomSettings
from luts.errors import UnknownNameError, UserError
from tests.conformance.strategy import StrategyConformance
from tests.evolution.toys import RECIPE, Toys


def region_of(toys: Toys, members: int) -> Region:
    """The region of the fastest so many architectures."""
    upper = np.sort(toys.predictor.predict(toys.space.everything()).upper_ms)
    limit = LatencyConstraint(toys.predictor, float(upper[members - 1]))
    return Region(toys.space, [limit], toys.predictor.fastest()[None])


@pytest.fixture(scope="module")
def toys() -> Toys:
    return Toys()


@pytest.fixture
def region(toys: Toys) -> Region:
    return region_of(toys, 600)


@pytest.fixture
def tiny(toys: Toys) -> Region:
    return region_of(toys, 8)


class TestEvolution(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        settings = EvolutionSettings(population=12, parents=4, mutations=6, crossovers=6)
        return lambda region, seed: Evolution(region, settings, seed)


class TestRandom(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Random(region, RandomSettings(), seed)


class TestNsga2(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Nsga2(region, Nsga2Settings(population=12), seed)


class TestExact(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Exact(region, ExactSettings(), seed)


class TestGuided(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Guided(region, GuidedSettings(), seed)


class TestJoint(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Joint(region, JointSettings(corners=True), seed)


class InALargeSpace:
    """The same regions, said to be too large to be listed."""

    @pytest.fixture(autouse=True)
    def unlisted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("evolution.region.ENUMERABLE", 100)

    def test_it_is_not_listed(self, region: Region) -> None:
        assert region.everything() is None


class TestExactInALargeSpace(InALargeSpace, TestExact):
    pass


class TestGuidedInALargeSpace(InALargeSpace, TestGuided):
    pass


class TestJointInALargeSpace(InALargeSpace, TestJoint):
    pass


def grown(region: Region, settings: EvolutionSettings) -> tuple[np.ndarray, np.ndarray]:
    """A first generation whose fitness is its first gene, and its children."""
    strategy = Evolution(region, settings, 0)
    first = strategy.ask(settings.population)
    strategy.tell(first, first.sum(axis=1).astype(np.float64))
    return first, strategy.ask(settings.population)


def test_children_descend_from_the_fittest_of_all_history(region: Region) -> None:
    settings = EvolutionSettings(population=60, parents=3, mutations=0, crossovers=60)
    first, children = grown(region, settings)
    order = np.lexsort([*first.T[::-1], first.sum(axis=1)])
    parents = first[order[:3]]
    crossed = [child for child in children if all(
        child[gene] in parents[:, gene] for gene in range(child.size)
    )]
    # Few children of three parents are new; the others are fresh random ones.
    assert 0 < len(crossed) < 60


def test_a_mutation_changes_few_genes(region: Region) -> None:
    settings = EvolutionSettings(population=40, parents=1, mutations=20, crossovers=0,
                                 mutation_probability=0.1, tries=50)
    first, children = grown(region, settings)
    order = np.lexsort([*first.T[::-1], first.sum(axis=1)])
    changed = (children[:20] != first[order[0]]).sum(axis=1)
    assert (changed >= 1).all()
    assert changed.mean() < 2.5  # eight genes, one in ten redrawn


def test_a_shortfall_is_filled_with_random_ones(region: Region) -> None:
    # One parent crossed with itself gives nothing new, so all children are fresh.
    settings = EvolutionSettings(population=10, parents=1, mutations=0, crossovers=10)
    _, children = grown(region, settings)
    assert len(children) == 10


def test_it_comes_close_to_the_known_optimum(toys: Toys, region: Region) -> None:
    everything = toys.space.everything()
    allowed = everything[region.allowed(everything)]
    optimum = toys.accuracy.epe(allowed).min()
    settings = EvolutionSettings(population=20, parents=5, mutations=10, crossovers=10)
    strategy = Evolution(region, settings, 0)
    best = np.inf
    for _ in range(8):
        vectors = strategy.ask(20)
        epe = toys.accuracy.epe(vectors)
        best = min(best, float(epe.min()))
        strategy.tell(vectors, epe)
    rng = np.random.default_rng(0)
    by_chance = np.median([toys.accuracy.epe(rng.choice(allowed, 160)).min() for _ in range(50)])
    assert best < optimum + 0.02
    assert best <= by_chance


def test_strategies_are_found_by_name() -> None:
    assert STRATEGIES.get("evolution") is Evolution
    message = "unknown strategy 'annealing'; known: additive, evolution"
    with pytest.raises(UnknownNameError, match=message):
        STRATEGIES.get("annealing")


@pytest.mark.parametrize(("preset", "evaluations"), [
    ("flownas", 1000), ("vit-resnas", 500 + 19 * 150), ("spvnas", 1000), ("once-for-all", 50_000),
])
def test_published_settings_are_presets(preset: str, evaluations: int) -> None:
    assert EvolutionSettings(preset=preset).evaluations == evaluations
    assert EvolutionSettings(preset=preset, parents=3).parents == 3
    with pytest.raises(ValueError, match="unknown preset 'darts'; known: flownas, once-for-all"):
        EvolutionSettings(preset="darts")
    assert preset in PRESETS


def test_vit_resnas_stays_within_its_band(toys: Toys) -> None:
    region = region_of(toys, 700)
    settings = EvolutionSettings(preset="vit-resnas", first=40, least_use=0.9)
    strategy = Evolution(region, settings, 0)
    limit = region.limits[0]
    first = strategy.ask(strategy.batch)
    assert len(first) == 40
    strategy.tell(first, toys.accuracy.epe(first))
    children = strategy.ask(20)
    used = limit.use(np.concatenate([first, children]))
    assert (used <= 1).all()
    assert np.mean(used >= 0.9) > 0.9
    assert EvolutionSettings(preset="vit-resnas").least_use == 0.975


def test_repaired_children_are_nearer_to_their_parents_than_random_ones(toys: Toys) -> None:
    region = region_of(toys, 30)
    strategy = Evolution(region, EvolutionSettings(population=10, parents=2, mutations=10,
                                                   crossovers=0, mutation_probability=0.3), 0)
    first = strategy.ask(10)
    strategy.tell(first, toys.accuracy.epe(first))
    sampled = region.sampled
    children = strategy.ask(8)
    assert len(children) == 8 and region.allowed(children).all()
    assert region.sampled == sampled  # none had to be drawn at random


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
    best = np.inf
    for _ in range(12):
        vectors = strategy.ask(5)
        fitness = toys.accuracy.epe(vectors)
        best = min(best, float(fitness.min()))
        strategy.tell(vectors, fitness)
    assert best < optimum + 0.003


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


def test_corners_go_first_where_they_are_allowed(toys: Toys) -> None:
    settings = EvolutionSettings(population=10, corners=True)
    ends = np.array([np.zeros(8), np.array(toys.space.cardinalities) - 1], dtype=np.int64)
    everything = Region(toys.space, [], toys.predictor.fastest()[None])
    first = Evolution(everything, settings, 0).ask(10)
    assert (first[:2] == ends).all()
    assert len(np.unique(first, axis=0)) == 10
    narrow = region_of(toys, 600)
    mask = narrow.allowed(ends)
    assert mask.sum() == 1
    proposed = Evolution(narrow, settings, 0).ask(10)
    assert (proposed[0] == ends[mask][0]).all()
    assert not (proposed == ends[~mask][0]).all(axis=1).any()
    assert narrow.allowed(proposed).all()
    strategy = Evolution(everything, settings, 0)
    seen = strategy.ask(1)
    assert (seen[0] == ends[0]).all()
