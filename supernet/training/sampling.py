"""Which architectures a step trains."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from luts._costs import cost_of
from luts.idle import idle_flops
from luts.lowered import lowered
from luts.space import OperatorSpace
from supernet.space import SearchSpace
from supernet.training.common import SandwichSettings

Vector = npt.NDArray[np.int64]
_TRIES = 100


class StepSampler:
    """Draws the architectures of a step: corners first, then random ones.

    Args:
        space: where from.
        settings: how many, and how.
    """

    def __init__(self, space: SearchSpace, settings: SandwichSettings) -> None:
        self.space = space
        self.settings = settings
        self.corners = {
            name: vector
            for name, vector, wanted in (
                ("largest", space.largest, settings.largest),
                ("smallest", space.smallest, settings.smallest),
            )
            if wanted
        }

    def draw(self, rng: np.random.Generator) -> list[Vector]:
        """Index vectors of one step's architectures, each of shape (decisions,)."""
        drawn = list(self.space.sample(rng, self.settings.random))
        if self.settings.sampler == "flops":
            drawn = [*drawn[:1], *(self._like(drawn[0], vector, rng) for vector in drawn[1:])]
        return [*self.corners.values(), *drawn]

    def _like(self, first: Vector, vector: Vector, rng: np.random.Generator) -> Vector:
        """Redraws until both have FLOPs in the same bucket; the last draw stands.

        The released code does so too, but its loop returns one architecture too few.
        """
        width = self.settings.flops_bucket
        wanted = gflops(self.space, first) // width
        for _ in range(_TRIES):
            if gflops(self.space, vector) // width == wanted:
                break
            vector = self.space.sample(rng, 1)[0]
        return vector


def gflops(space: OperatorSpace, vector: Vector) -> float:
    """GFLOPs that a whole network executes, at the size that its latency is measured at."""
    tables = factor_gflops(space)
    rows = [space.factor_rows(factor, vector[None])[0] for factor in space.factors]
    counted = sum(table[row] for table, row in zip(tables, rows, strict=True))
    idle = sum(costs[0, 0] for costs in idle_flops(space).by_factor(vector[None]).values())
    return float(counted - idle / 1e9)


@cache
def factor_gflops(space: OperatorSpace) -> list[npt.NDArray[np.float64]]:
    """GFLOPs of each row of ``space.factor_choices(factor)``, by factor, each ``(rows,)``."""
    return [np.array([sum(cost_of(item.operator).flops * item.repeats for item in placed) / 1e9
                      for placed in rows]) for rows in lowered(space)]
