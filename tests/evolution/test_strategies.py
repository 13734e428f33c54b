from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from evolution.constraint import LatencyConstraint
from evolution.region import Region
from evolution.strategies.base import STRATEGIES, Strategy
from evolution.strategies.evolution import Evolution, EvolutionSettings
from luts.errors import UnknownNameError, UserError
from tests.conformance.strategy import StrategyConformance
from tests.evolution.toys import Toys


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


def test_wrong_answers_are_refused(region: Region) -> None:
    strategy = Evolution(region, EvolutionSettings(), 0)
    vectors = strategy.ask(3)
    with pytest.raises(UserError, match="3 architectures were told 2"):
        strategy.tell(vectors, np.zeros(2))
    with pytest.raises(UserError, match="nan"):
        strategy.tell(vectors, np.array([0.0, np.nan, 1.0]))


def test_strategies_are_found_by_name() -> None:
    assert STRATEGIES.get("evolution") is Evolution
    with pytest.raises(UnknownNameError, match="unknown strategy 'annealing'; known: evolution"):
        STRATEGIES.get("annealing")


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
