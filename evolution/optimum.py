"""The best member of a region under a linear score: listed where that is quick, else solved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evolution.counts import COUNTS, counted, gathered
from evolution.minimax import least_largest
from evolution.programme import Optimum, Programme, Score
from evolution.strategies.base import Floats, LegalRegion, Vector
from luts.errors import InfeasibleError
from luts.space import OperatorSpace

# Integer programmes per optimum, and cuts of what was seen once one of them is found.
SOLVES, CUTS = 12, 12


class Optimiser:
    """Finds optima of one region.

    Args:
        region: what is allowed. Its limits are additive but for a rest (a learned correction, a
            bound that grows with latency): each solution is checked against the limits themselves.
        groups: decisions whose combinations have scores.
    """

    def __init__(self, region: LegalRegion, groups: Sequence[tuple[int, ...]] = ()) -> None:
        self.region, self.groups = region, tuple(groups)
        self._programme: Programme | None = None

    def best(self, score: Score, seen: set[Vector]) -> Optimum | None:
        """The allowed architecture of the highest score that was not seen.

        Args:
            score: what is maximised.
            seen: architectures that must not come.

        Returns:
            The optimum; its bound is that of the additive limits, less what is not additive at
            the solutions met. None where all allowed ones were seen or none is left, or where
            ``SOLVES`` integer programmes, each excluding what those before found, gave none.

        Raises:
            InfeasibleError: nothing was seen, and it is proved that no architecture keeps the
                additive limits.
        """
        everything = self.region.everything()
        if everything is not None:
            values = score.of(self.region.space, everything)
            for index in np.argsort(-values, kind="stable").tolist():
                vector = tuple(everything[index].tolist())
                if vector not in seen:
                    return Optimum(vector, float(values[index]), float(values[index]))
            return None
        return self._solved(score, seen)

    def least(self, own: Sequence[int]) -> Vector | None:
        """The architecture that uses least of some limits and keeps the other additive limits.

        Args:
            own: indices of the limits, the largest use of which is minimised.

        Returns:
            Its indices; None when it is proved that no architecture keeps the others.
        """
        uses = [limit.factor_uses() for limit in self.region.limits]
        limits = list(zip(uses, self._tops(uses), strict=True))
        others = [limit for index, limit in enumerate(limits) if index not in own]
        return least_largest(self._solver(), [uses[index] for index in own], others)

    def _solver(self) -> Programme:
        if self._programme is None:
            self._programme = Programme(self.region.space, self.groups)
        return self._programme

    def _solved(self, score: Score, seen: set[Vector]) -> Optimum | None:
        programme = self._solver()
        uses = [limit.factor_uses() for limit in self.region.limits]
        tops = self._tops(uses)
        excluded: list[Vector] = []
        for _ in range(SOLVES):
            limits = list(zip(uses, tops, strict=True))
            found = programme.solve(score, limits, excluded)
            if found is None:
                # What verification taught can leave nothing of a region that once had members.
                if not excluded and not seen:
                    raise InfeasibleError(
                        f"proved: no architecture of {self.region.space.name} keeps its "
                        f"{len(uses)} additive limits"
                    )
                return None
            vector = np.array(found.vector, dtype=np.int64)[None]
            over = [float(limit.use(vector)[0]) - 1 for limit in self.region.limits]
            if found.vector not in seen and self.region.allowed(vector)[0]:
                return found
            if not excluded and seen:
                # The next ones are likely seen too; cuts of low scores only slow the solver down.
                rows = np.array(sorted(seen), dtype=np.int64)
                best = np.argsort(-score.of(self.region.space, rows), kind="stable")[:CUTS]
                excluded = [tuple(row) for row in rows[best].tolist() if tuple(row) != found.vector]
            excluded.append(found.vector)
            # What is not additive takes its share; without this, exclusions would go on for long.
            tops = [top - max(0.0, extra) / 2 for top, extra in zip(tops, over, strict=True)]
        return None

    def _tops(self, uses: list[list[Floats]]) -> list[float]:
        """What the additive parts may use: 1 less what limits use beyond them at a known member.

        At the first anchor where none is a member. What is not additive can make the fastest of
        the table break a budget that another one keeps; measured there, all would seem to.
        """
        space, anchors = self.region.space, self.region.anchors
        first = int(np.argmax(self.region.allowed(anchors)))
        anchor = anchors[first : first + 1]
        return [
            1.0 - float((limit.use(anchor) - gathered(space, rows, anchor))[0])
            for limit, rows in zip(self.region.limits, uses, strict=True)
        ]


def work(space: OperatorSpace) -> Score:
    """Weights and multiply-adds, each in units of its own range: the larger, the better, at first.

    Args:
        space: is lowered once.
    """
    rows = [np.zeros(len(space.factor_choices(factor))) for factor in space.factors]
    for name in COUNTS:
        values = counted(space, name)
        width = sum(float(np.ptp(each)) for each in values) or 1.0
        rows = [total + each / width for total, each in zip(rows, values, strict=True)]
    return Score(rows=rows)
