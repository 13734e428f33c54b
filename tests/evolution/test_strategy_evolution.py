"""What the strategy `evolution` does beyond the seam."""

from __future__ import annotations

import numpy as np
import pytest

from evolution.region import Region
from evolution.strategies.evolution import PRESETS, Evolution, EvolutionSettings
from tests.evolution.regions import best_found, region_of
from tests.evolution.toys import Toys


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
    best = best_found(toys, strategy, 8, 20)
    rng = np.random.default_rng(0)
    by_chance = np.median([toys.accuracy.epe(rng.choice(allowed, 160)).min() for _ in range(50)])
    assert best < optimum + 0.02
    assert best <= by_chance


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
