"""A Pareto front that is known, since every network of the space was trained and timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from evolution.region import Region
    from evolution.tabular.problem import TabularProblem

LOW, HIGH = 10, 75
_PART = 500

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class KnownFront:
    """Latency and error of a device's best networks between two percentiles of latency.

    Attributes:
        problem: tables of accuracy and latency.
        device: one of its costs.
        worst: what the hypervolume lies below: the upper end, and the median error within it.
        full: hypervolume of all networks.
        low: lower end over upper end.
    """

    problem: TabularProblem
    device: str
    worst: Floats
    full: float
    low: float

    @classmethod
    def of(cls, problem: TabularProblem, device: str) -> Self:
        """Finds the front."""
        from evolution.pareto import hypervolume, ranks

        low, high = (float(v) for v in np.percentile(problem.costs[device], [LOW, HIGH]))
        members = problem.region(device, high).everything()
        assert members is not None
        everything = _points(problem, device, members)
        worst = np.array([high, np.median(everything[:, 1])])
        best = everything[(everything < worst).all(axis=1)]
        # What is not on the front of its part cannot be on that of all; all at once takes long.
        parts = np.array_split(best, max(1, len(best) // _PART))
        best = np.concatenate([part[ranks(part) == 0] for part in parts])
        return cls(problem, device, worst, hypervolume(best[ranks(best) == 0], worst), low / high)

    def shares(
        self, name: str, options: dict[str, Any], seed: int, evaluations: int
    ) -> list[float]:
        """Share of the hypervolume after half of the evaluations and after all.

        Args:
            name: a strategy.
            options: of the strategy; the range is added where it takes one.
            seed: of the search.
            evaluations: of the search.
        """
        from evolution.pareto import hypervolume
        from evolution.strategies.base import STRATEGIES

        region: Region = self.problem.region(self.device, float(self.worst[0]))
        made: Any = STRATEGIES.get(name)
        options = {**options, "low": self.low} if name == "front" else options
        strategy = made(region, made.Settings(**options), seed)
        met = np.empty((0, 2))
        while len(met) < evaluations:
            vectors = strategy.ask(min(strategy.batch, evaluations - len(met)))
            if not len(vectors):
                break
            new = _points(self.problem, self.device, vectors)
            told = new[:, 1] if len(strategy.objectives) == 1 else new[:, ::-1]
            strategy.tell(vectors, told)
            met = np.concatenate([met, new])
        return [hypervolume(met[:count], self.worst) / self.full
                for count in (evaluations // 2, evaluations)]


def _points(problem: TabularProblem, device: str, vectors: npt.NDArray[np.int64]) -> Floats:
    return np.column_stack([problem.costs[device][problem.space.rows(vectors)],
                            100 - problem.accuracy_of(vectors)])
