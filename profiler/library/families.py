"""Random networks of common families, each fixed by its number and the seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from profiler.library._attention import mixer, transformer, words
from profiler.library._builder import Builder
from profiler.library._convolutional import dense, inverted, modern, plain, residual
from profiler.library._graph import Tensor
from profiler.library._parts import Draw
from profiler.library._pyramids import detector, hourglass

Family = Callable[[Builder, Draw], "Tensor | tuple[Tensor, ...]"]

FAMILIES: dict[str, Family] = {
    "residual": residual, "inverted": inverted, "dense": dense, "plain": plain, "modern": modern,
    "transformer": transformer, "hourglass": hourglass, "detector": detector, "words": words,
    "mixer": mixer,
}
"""Name to what writes one of its networks."""

# Convolutions come in more forms than products; they get more networks.
_TURNS = ("residual", "inverted", "transformer", "detector", "dense", "modern", "plain",
          "hourglass", "inverted", "words", "residual", "detector", "transformer", "dense",
          "inverted", "mixer", "residual", "plain", "hourglass", "modern")
_LEAST_FLOPS, _MOST_FLOPS = 2e7, 1.6e10
_MOST_PARAMETERS = 60_000_000
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Drawn:
    """One network.

    Attributes:
        number: position in the plan.
        family: key of `FAMILIES`.
        flops: operations of its products.
    """

    number: int
    family: str
    flops: int


def family_of(number: int) -> str:
    """Family of a network of the plan."""
    return _TURNS[number % len(_TURNS)]


def draw(number: int, seed: int, path: Path) -> Drawn:
    """Writes a network of the plan; equal numbers and seeds give equal files.

    Sizes are log-uniform between 0.02 and 16 GFLOP: every time is as worth knowing as any other.

    Args:
        number: position in the plan.
        seed: seed of the plan.
        path: ONNX file.
    """
    family = family_of(number)
    wanted = np.random.default_rng([seed, number]).uniform(np.log(_LEAST_FLOPS),
                                                           np.log(_MOST_FLOPS))
    best: tuple[float, Builder, tuple[Tensor, ...]] | None = None
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, number, attempt])
        builder = Builder(rng)
        made = FAMILIES[family](builder, Draw(rng))
        if not builder.parameters <= _MOST_PARAMETERS:
            continue
        if not _LEAST_FLOPS <= builder.flops <= _MOST_FLOPS:
            continue
        distance = abs(np.log(builder.flops) - wanted)
        if best is None or distance < best[0]:
            best = distance, builder, (made,) if isinstance(made, Tensor) else made
        if distance < 0.5 or attempt >= 8:
            break
    assert best is not None, f"no network of family {family} within {_ATTEMPTS} draws"
    best[1].save(path, *best[2])
    return Drawn(number, family, best[1].flops)
