"""Which networks a campaign measures, and in which order."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from luts.errors import UserError
from luts.fingerprint import digest, space_hash
from luts.operator import Operator
from luts.records import Drawn
from luts.space import OperatorSpace, Vectors
from profiler._coverage import Coverage

CONTEXTS = 3
USUAL_NETWORKS = 90
# Of a space that needs more, so many beyond what shows all operators, for calibration.
_BEYOND = 30
_BLOCK = 16


class TooFewNetworksError(UserError):
    """So many networks cannot show every operator often enough.

    Attributes:
        enough: how many can.
    """

    def __init__(self, message: str, enough: int) -> None:
        super().__init__(message)
        self.enough = enough


@dataclass(frozen=True, slots=True)
class PlannedNetwork:
    """One network to measure.

    Attributes:
        vector: choice index of each decision; None is the reference.
        drawn: why it is there; see `luts.records.NetworkSample`.
    """

    vector: tuple[int, ...] | None
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class Visit:
    """One timing of one network.

    Attributes:
        network: index in `Plan.networks`.
        turn: 0 for the first time, 1 for the second.
    """

    network: int
    turn: int


@dataclass(frozen=True)
class Plan:
    """Networks that show every operator of a space in several contexts.

    Each network is visited twice at random places of its block: how far the two disagree is the
    noise of the measurement.

    Attributes:
        recipe: name of the space.
        space_hash: digest of the space.
        seed: seed of every random choice.
        networks: what is measured.
        contexts: networks in which each operator of the space appears.
        reference_only: operators that only the reference has.
        partial: whether operators may have too few contexts, or none.
        blocks: visits in order; the models of a block lie on disk together.
    """

    recipe: str
    space_hash: str
    seed: int
    networks: tuple[PlannedNetwork, ...]
    contexts: dict[Operator, int]
    reference_only: int
    blocks: tuple[tuple[Visit, ...], ...]
    partial: bool = False

    @property
    def unmeasured(self) -> list[Operator]:
        """Operators of the space that no network shows; a table will lack them."""
        return [operator for operator, count in self.contexts.items() if count == 0]

    @property
    def distinct(self) -> int:
        """Different networks of the space; the reference is none."""
        return len({item.vector for item in self.networks} - {None})

    @cached_property
    def hash(self) -> str:
        """Digest of everything that decides what is measured."""
        networks = [[item.vector, item.drawn] for item in self.networks]
        visits = [[(v.network, v.turn) for v in block] for block in self.blocks]
        return digest([self.recipe, self.space_hash, self.seed, networks, visits])


def usual_plan(space: OperatorSpace, *, seed: int = 0) -> Plan:
    """Plans a campaign of `USUAL_NETWORKS`, or of more where these cannot show every operator."""
    try:
        return make_plan(space, networks=USUAL_NETWORKS, seed=seed)
    except TooFewNetworksError as error:
        return make_plan(space, networks=error.enough + _BEYOND, seed=seed)


def make_plan(
    space: OperatorSpace, *, networks: int = 100, seed: int = 0, partial: bool = False
) -> Plan:
    """Plans a campaign.

    The reference, the least and the most work in FLOPs, as few chosen networks as a greedy cover
    needs so that every operator appears in `CONTEXTS` of them, and uniform random draws for all
    the rest.

    Args:
        space: where networks come from.
        networks: how many to measure.
        seed: seed of the draws and of the order.
        partial: take the most telling networks where not all operators can be shown often enough.

    Raises:
        TooFewNetworksError: that many cannot show every operator often enough.
    """
    rng = np.random.default_rng(seed)
    coverage = Coverage(space)
    uniform = _distinct(space, rng, networks)
    extremes = [coverage.extreme(least=True), coverage.extreme(least=False)]
    free = networks - 1 - len(extremes)
    # Uniform draws serve calibration, so they yield to the cover only as far as needed.
    for count in range(min(len(uniform), free), -1, -max(1, networks // 20)):
        room = free - count
        cover = coverage.complete(np.array([*extremes, *uniform[:count]]), CONTEXTS, rng, room)
        if cover is not None:
            break
    else:
        if not partial or free < 0:
            enough = _enough(coverage, extremes, seed)
            raise TooFewNetworksError(
                f"--networks {networks} cannot show each of the {coverage.operators} operators of "
                f"'{space.name}' {CONTEXTS} times; give {enough}", enough)
        cover = coverage.complete(np.array(extremes), CONTEXTS, rng, free, partial=True) or []
    count = min(len(uniform), free - len(cover))
    chosen = [PlannedNetwork(None, "reference")]
    chosen += [PlannedNetwork(_tuple(vector), "cover") for vector in (*extremes, *cover)]
    chosen += [PlannedNetwork(_tuple(vector), "uniform") for vector in uniform[:count]]
    vectors = np.array([item.vector for item in chosen if item.vector is not None])
    return Plan(
        space.name, space_hash(space), seed, tuple(chosen), coverage.contexts(vectors),
        coverage.reference_only, _blocks(len(chosen), rng), partial,
    )


def _enough(coverage: Coverage, extremes: Sequence[Vectors], seed: int) -> int:
    """Networks that a cover needs, a tenth more since covers by other draws differ."""
    rng = np.random.default_rng([seed, 1])
    cover = coverage.complete(np.array(extremes), CONTEXTS, rng, sys.maxsize) or []
    return 10 * math.ceil((1 + len(extremes) + len(cover)) * 1.1 / 10)


def _distinct(space: OperatorSpace, rng: np.random.Generator, count: int) -> Vectors:
    """Up to `count` different uniform draws (fewer where the space is small)."""
    drawn = space.sample(rng, 4 * count)
    _, first = np.unique(drawn, axis=0, return_index=True)
    return drawn[np.sort(first)][:count]


def _blocks(count: int, rng: np.random.Generator) -> tuple[tuple[Visit, ...], ...]:
    order = rng.permutation(count)
    blocks = []
    for start in range(0, count, _BLOCK):
        members = order[start : start + _BLOCK]
        blocks.append(tuple(
            Visit(int(network), turn) for turn in (0, 1) for network in rng.permutation(members)
        ))
    return tuple(blocks)


def _tuple(vector: Vectors) -> tuple[int, ...]:
    return tuple(int(index) for index in vector)
