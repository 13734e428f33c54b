"""Children of architectures: mutation and crossover, and which of them are new."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evolution.strategies.base import Mask, Vector
from luts.space import OperatorSpace, Vectors

Breed = Callable[[np.random.Generator, int], Vectors]


def mutated(
    rng: np.random.Generator, space: OperatorSpace, parents: Vectors, count: int, probability: float
) -> Vectors:
    """Random parents, each gene drawn anew with a probability, shape ``(count, decisions)``."""
    chosen = parents[rng.integers(len(parents), size=count)]
    redraw = rng.random(chosen.shape) < probability
    return np.asarray(np.where(redraw, space.sample(rng, count), chosen))


def crossed(
    rng: np.random.Generator, parents: Vectors, count: int, *, different: bool = False
) -> Vectors:
    """Each gene from either of two random parents, shape ``(count, decisions)``.

    Args:
        rng: source of randomness.
        parents: shape ``(n, decisions)``.
        count: how many.
        different: whether the two parents must differ, where there are two.
    """
    first = rng.integers(len(parents), size=count)
    second = rng.integers(len(parents), size=count)
    if different and len(parents) > 1:
        second = (first + 1 + second % (len(parents) - 1)) % len(parents)
    either = rng.random((count, parents.shape[1])) < 0.5
    return np.asarray(np.where(either, parents[first], parents[second]))


def fresh(
    breed: Breed,
    rng: np.random.Generator,
    wanted: int,
    *,
    allowed: Callable[[Vectors], Mask],
    seen: set[Vector],
    tries: int,
) -> list[Vector]:
    """New allowed children from at most ``tries * wanted`` draws.

    Args:
        breed: makes so many children, repaired or not.
        rng: source of randomness.
        wanted: how many at most.
        allowed: which of them may be proposed.
        seen: architectures that must not come; those found are added.
        tries: bound on the draws.
    """
    found: list[Vector] = []
    for _ in range(tries):
        if len(found) >= wanted:
            break
        drawn = breed(rng, wanted)
        for row in drawn[allowed(drawn)].tolist():
            child = tuple(row)
            if child not in seen and len(found) < wanted:
                seen.add(child)
                found.append(child)
    return found
