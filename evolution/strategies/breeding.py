"""Children of architectures: mutation and crossover, and which of them are new."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evolution.strategies.base import Mask, Vector
from evolution.strategies.remembering import as_rows
from luts.space import OperatorSpace, Vectors

Breed = Callable[[np.random.Generator, int], Vectors]
# New children that are judged at once, for each that is wanted.
_JUDGED = 4
Judge = Callable[[np.random.Generator, Vectors], tuple[Vectors, Mask]]


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
    breeds: Sequence[tuple[Breed, int]],
    judge: Judge,
    rng: np.random.Generator,
    *,
    seen: set[Vector],
    tries: int,
) -> list[Vector]:
    """New allowed children, all breeds judged in one call.

    Args:
        breeds: makers of children, and how many are wanted of each at most.
        judge: repairs children or leaves them, and says which may be proposed.
        rng: source of randomness.
        seen: architectures that must not come; those found are added.
        tries: at most this many times the wanted children are drawn.

    Returns:
        Children of the first breed, then of the second, ….
    """
    found: list[list[Vector]] = [[] for _ in breeds]
    left, times = tries, min(2, tries)
    while left and any(len(own) < n for own, (_, n) in zip(found, breeds, strict=True)):
        drawn: list[Vector] = []
        kinds: list[int] = []
        for kind, (breed, wanted) in enumerate(breeds):
            missing = wanted - len(found[kind])
            if missing > 0:
                # Known ones cost nothing here, and a prediction each below.
                rows = dict.fromkeys(as_rows(breed(rng, times * wanted)))
                new = [row for row in rows if row not in seen][: _JUDGED * missing]
                drawn += new
                kinds += [kind] * len(new)
        if drawn:
            children, allowed = judge(rng, np.array(drawn, dtype=np.int64))
            for child, kind, good in zip(as_rows(children), kinds, allowed.tolist(), strict=True):
                if good and child not in seen and len(found[kind]) < breeds[kind][1]:
                    seen.add(child)
                    found[kind].append(child)
        # A judgement costs about the same for one as for a hundred: fewer, larger ones.
        left -= times
        times = min(4 * times, left)
    return [child for own in found for child in own]
