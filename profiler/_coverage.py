"""How often networks show each operator of a space, by table gathers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from luts.lowered import lowered
from luts.operator import Operator
from luts.space import OperatorSpace, Vectors

_POOL = 256


class Coverage:
    """Operators of a space, indexed, with the ones that each factor row shows.

    Args:
        space: where networks come from.
    """

    def __init__(self, space: OperatorSpace) -> None:
        self._space = space
        self._index: dict[Operator, int] = {}
        factors = lowered(space)
        for placed in (row for rows in factors for row in rows):
            for item in placed:
                self._index.setdefault(item.operator, len(self._index))
        for item in space.lower_reference():
            self._index.setdefault(item.operator, len(self._index))
        self._shows = [np.zeros((len(rows), len(self._index)), dtype=bool) for rows in factors]
        self._flops = [
            np.array([sum(i.operator.flops * i.repeats for i in row) for row in rows])
            for rows in factors
        ]
        for shows, rows in zip(self._shows, factors, strict=True):
            for number, placed in enumerate(rows):
                shows[number, [self._index[item.operator] for item in placed]] = True
        self._only_reference = ~np.any([s.any(axis=0) for s in self._shows], axis=0)
        self._reference = np.zeros(len(self._index), dtype=bool)
        self._reference[[self._index[i.operator] for i in space.lower_reference()]] = True

    @property
    def operators(self) -> int:
        """Number of different operators of the space."""
        return int((~self._only_reference).sum())

    @property
    def reference_only(self) -> int:
        """Number of operators that only the reference has; they are measured there."""
        return int(self._only_reference.sum())

    def shown(self, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """Which operators each network shows, shape ``(networks, operators)``."""
        result = np.zeros((len(vectors), len(self._index)), dtype=bool)
        for factor, shows in zip(self._space.factors, self._shows, strict=True):
            result |= shows[self._space.factor_rows(factor, vectors)]
        return result

    def flops(self, vectors: Vectors) -> npt.NDArray[np.int64]:
        """Operations of each network, shape ``(networks,)``."""
        total = np.zeros(len(vectors), dtype=np.int64)
        for factor, flops in zip(self._space.factors, self._flops, strict=True):
            total += flops[self._space.factor_rows(factor, vectors)]
        return total

    def contexts(self, vectors: Vectors) -> dict[Operator, int]:
        """Networks that show each operator of the space, the reference network counted too."""
        counts = self.shown(vectors).sum(axis=0) + self._reference
        return {
            operator: int(counts[index])
            for operator, index in self._index.items()
            if not self._only_reference[index]
        }

    def extreme(self, *, least: bool) -> npt.NDArray[np.int64]:
        """Network with the least or the most FLOPs, by improving one decision at a time."""
        best = np.zeros(len(self._space.decisions), dtype=np.int64)
        for _ in range(len(best)):
            before = best.copy()
            for decision, size in enumerate(self._space.cardinalities):
                trial = np.repeat(best[None], size, axis=0)
                trial[:, decision] = np.arange(size)
                work = self.flops(trial)
                best = trial[work.argmin() if least else work.argmax()]
            if (best == before).all():
                break
        return best

    def complete(
        self, vectors: Vectors, contexts: int, rng: np.random.Generator, room: int,
        *, partial: bool = False,
    ) -> list[npt.NDArray[np.int64]] | None:
        """Adds networks until every operator is shown often enough, the neediest first.

        Operators that only the reference has are measured there alone.

        Args:
            vectors: networks that are measured anyway.
            contexts: networks wanted for each operator.
            rng: source of candidates.
            room: networks that may be added.
            partial: fill the room where it does not suffice, operators without any context first.

        Returns:
            The added networks, or None where the room does not suffice.
        """
        need = contexts - self.shown(vectors).sum(axis=0) - self._reference
        need[self._only_reference] = 0
        added: list[npt.NDArray[np.int64]] = []
        taken = {tuple(vector) for vector in vectors}
        while (need > 0).any():
            if len(added) >= room:
                return added if partial else None
            pool = self._candidates(int(need.argmax()), rng)
            gain = (self.shown(pool) * np.maximum(need, 0)).sum(axis=1)
            known = np.array([tuple(vector) in taken for vector in pool])
            # In a tiny space a network may have to come twice.
            best = pool[(gain if known.all() else np.where(known, -1, gain)).argmax()]
            taken.add(tuple(best))
            added.append(best)
            need = need - self.shown(best[None])[0]
        return added

    def _candidates(self, operator: int, rng: np.random.Generator) -> Vectors:
        """Random networks, each forced to show one operator, shape ``(_POOL, decisions)``."""
        pool = self._space.sample(rng, _POOL)
        places = [
            (number, row)
            for number, shows in enumerate(self._shows)
            for row in np.flatnonzero(shows[:, operator])
        ]
        for vector, pick in zip(pool, rng.integers(len(places), size=_POOL), strict=True):
            number, row = places[pick]
            for decision in reversed(self._space.factors[number].decisions):
                row, vector[decision] = divmod(row, self._space.cardinalities[decision])
        return pool
