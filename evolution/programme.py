"""The best architecture under a linear score and additive limits, as an integer programme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evolution.score import Optimum, Score
from evolution.strategies.base import Floats, Vector
from luts.errors import UserError
from luts.space import Factor, OperatorSpace

__all__ = ["EXACTLY", "INFEASIBLE", "Optimum", "Programme", "Score"]

INFEASIBLE = 2  # status of scipy.optimize.milp
# To optimality; far beyond what any space needs, and the same on every machine, unlike a time.
EXACTLY = {"mip_rel_gap": 0.0, "node_limit": 10**6}


class Programme:
    """Maximises a sum of scores of choices, one architecture at a time.

    One binary per factor row says which row a factor takes. Factors that share a decision agree
    on its value, which is one equation per value. Decisions that no factor sees get a factor of
    their own that costs nothing, and so do groups of decisions that a score knows of and that no
    factor sees together.

    Attributes:
        space: the space.
        equations: what every architecture fulfils, shape ``(equations, rows of all factors)``.
        rights: their right-hand sides, shape ``(equations,)``.

    Args:
        space: the space.
        groups: decisions whose combinations have scores.
    """

    def __init__(self, space: OperatorSpace, groups: Sequence[tuple[int, ...]] = ()) -> None:
        self.space = space
        known = {factor.decisions for factor in space.factors}
        seen = {i for decisions in known for i in decisions}
        free = [(i,) for i in range(len(space.decisions)) if i not in seen]
        unseen = [own for own in groups if not any(set(own) <= set(all_of) for all_of in known)]
        more = dict.fromkeys([*free, *unseen])
        self._factors = (*space.factors, *(Factor(f"decisions {own}", own) for own in more))
        self._choices = [_rows(space, factor) for factor in self._factors]
        self._starts = np.cumsum([0, *map(len, self._choices)])
        self._owner: dict[int, int] = {}
        for index, factor in enumerate(self._factors):
            for decision in factor.decisions:
                self._owner.setdefault(decision, index)
        self.equations, self.rights = self._agreement()

    def solve(
        self,
        score: Score,
        limits: Sequence[tuple[Sequence[Floats], float]] = (),
        excluded: Sequence[Vector] = (),
    ) -> Optimum | None:
        """Finds the optimum.

        Args:
            score: what is maximised.
            limits: per limit, what each row of each factor of the space uses, each of shape
                ``(rows,)``, and what may be used in all.
            excluded: architectures that must not come.

        Returns:
            The optimum; None when it is proved that no architecture keeps the limits.

        Raises:
            UserError: the solver found neither a solution nor a proof; the message gives its own.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array, vstack

        gain = self._gain(score.choices) if score.choices else np.zeros(int(self._starts[-1]))
        gain = gain + self.per_row(score.rows) if score.rows else gain
        for decisions, values in score.groups:
            index = self._factor_of(decisions)
            gain = gain + self._indicator_of(index, values[self._rows_within(index, decisions)])
        constraints = [LinearConstraint(self.equations, self.rights, self.rights)]
        rows = [self.per_row(uses) for uses, _ in limits]
        # With exclusions a dominated row can be part of the optimum.
        most = np.ones(len(gain)) if excluded else self._undominated(gain, rows)
        tops = [top for _, top in limits]
        # No-good cuts: not all decisions as in one that is excluded.
        rows += [self._gain(_indicator(self.space, vector)) for vector in excluded]
        tops += [len(self.space.decisions) - 1.0] * len(excluded)
        if rows:
            matrix = vstack([csr_array(row[None]) for row in rows]).tocsr()
            constraints.append(LinearConstraint(matrix, -np.inf, tops))
        scale = float(np.abs(gain).max()) or 1.0
        found = milp(-gain / scale, constraints=constraints, integrality=np.ones(len(gain)),
                     bounds=Bounds(0, most), options=EXACTLY)
        if found.status == INFEASIBLE:
            return None
        if found.x is None:
            raise UserError(f"the integer programme over {len(gain)} rows of {self.space.name} "
                            f"ended without solution or proof: {found.message}")
        bound = -float(found.mip_dual_bound) * scale
        return Optimum(self.vector_of(found.x), -float(found.fun) * scale, bound)

    def _agreement(self) -> tuple[Any, Floats]:
        from scipy.sparse import csr_array

        rows: list[npt.NDArray[np.float64]] = []
        rights: list[float] = []
        for index, factor in enumerate(self._factors):
            rows.append(self._indicator_of(index, np.ones(len(self._choices[index]))))
            rights.append(1.0)
            for place, decision in enumerate(factor.decisions):
                first = self._owner[decision]
                if first == index:
                    continue
                there = self._factors[first].decisions.index(decision)
                for value in range(int(self.space.cardinalities[decision])):
                    mine = self._indicator_of(index, self._choices[index][:, place] == value)
                    its = self._indicator_of(first, self._choices[first][:, there] == value)
                    rows.append(mine - its)
                    rights.append(0.0)
        return csr_array(np.stack(rows)), np.array(rights)

    def _undominated(self, gain: Floats, uses: Sequence[Floats]) -> Floats:
        """1 for rows that an optimum can hold, 0 for others, shape ``(rows of all factors,)``.

        Among rows of a factor that agree on what other factors see, one that scores no more and
        uses no less than another is never needed.
        """
        keep = np.ones(len(gain))
        seen = [i for factor in self._factors for i in factor.decisions]
        values = np.stack([-gain, *uses])
        for start, factor, choices in zip(
            self._starts, self._factors, self._choices, strict=False
        ):
            shared = [k for k, i in enumerate(factor.decisions) if seen.count(i) > 1]
            group = np.zeros(len(choices), dtype=np.int64)
            for k in shared:
                group = group * (int(choices[:, k].max()) + 1) + choices[:, k]
            for number in range(int(group.max()) + 1):
                own = start + np.flatnonzero(group == number)
                part = values[:, own]
                no_worse = (part[:, :, None] <= part[:, None]).all(axis=0)
                equal = no_worse & no_worse.T
                # Of equal rows the first stays.
                better = no_worse & (~equal | np.tri(len(own), k=-1, dtype=np.bool_).T)
                keep[own[better.any(axis=0)]] = 0
        return keep

    def _indicator_of(self, index: int, values: npt.NDArray[np.generic]) -> Floats:
        row = np.zeros(int(self._starts[-1]))
        row[self._starts[index] : self._starts[index + 1]] = values
        return row

    def _gain(self, scores: Sequence[Floats]) -> Floats:
        """Per factor row, the scores of those decisions that the factor owns."""
        total = np.zeros(int(self._starts[-1]))
        for decision, index in self._owner.items():
            place = self._factors[index].decisions.index(decision)
            part = scores[decision][self._choices[index][:, place]]
            total[self._starts[index] : self._starts[index + 1]] += part
        return total

    def _factor_of(self, decisions: tuple[int, ...]) -> int:
        for index, factor in enumerate(self._factors):
            if set(decisions) <= set(factor.decisions):
                return index
        raise ValueError(f"the programme over {self.space.name} was made without group {decisions}")

    def _rows_within(self, index: int, decisions: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Which combination of some of its decisions each row of a factor has."""
        places = [self._factors[index].decisions.index(decision) for decision in decisions]
        sizes = tuple(int(self.space.cardinalities[decision]) for decision in decisions)
        own = tuple(self._choices[index][:, place] for place in places)
        return np.asarray(np.ravel_multi_index(own, sizes))

    def per_row(self, uses: Sequence[Floats]) -> Floats:
        """Values of the space's factor rows as one array, shape ``(rows of all factors,)``."""
        given = np.concatenate(list(uses))
        return np.concatenate([given, np.zeros(int(self._starts[-1]) - len(given))])

    def vector_of(self, solution: Floats) -> Vector:
        """The architecture that a solution stands for."""
        vector = [0] * len(self.space.decisions)
        for index, factor in enumerate(self._factors):
            best = int(np.argmax(solution[self._starts[index] : self._starts[index + 1]]))
            for decision, value in zip(factor.decisions, self._choices[index][best], strict=True):
                vector[decision] = int(value)
        return tuple(vector)


def _rows(space: OperatorSpace, factor: Factor) -> npt.NDArray[np.int64]:
    """Choice indices of each row of a factor, shape ``(rows, decisions of the factor)``."""
    sizes = tuple(int(space.cardinalities[i]) for i in factor.decisions)
    if not sizes:
        return np.zeros((1, 0), dtype=np.int64)
    return np.ascontiguousarray(np.indices(sizes).reshape(len(sizes), -1).T).astype(np.int64)


def _indicator(space: OperatorSpace, vector: Vector) -> list[Floats]:
    return [np.eye(int(n))[value] for n, value in zip(space.cardinalities, vector, strict=True)]
