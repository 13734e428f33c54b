"""The region of a space that keeps every constraint, and fresh architectures from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evolution.constraint import Constraint, Limit, Narrowed
from evolution.slack import Slack
from evolution.strategies.base import Mask, Vector
from luts.errors import InfeasibleError
from luts.space import OperatorSpace, Vectors

UNIFORM_BATCH, UNIFORM_BATCHES = 2048, 16
WALK_BATCH, WALK_BATCHES = 512, 64
_WALK_PROBABILITY = 0.1
_WALK_MEMBERS = 4096
_RARE = 1e-4
_FEWEST = 32
ENUMERABLE = 2**16


class Region:
    """Architectures that keep every constraint.

    Fresh ones are drawn uniformly and filtered. Where so few pass that this would take long,
    they come from a random walk instead that starts at known members and repairs what leaves them.

    Args:
        space: the space.
        constraints: all must hold.
        anchors: members to walk from, such as the fastest architecture; shape ``(n, decisions)``.
    """

    def __init__(
        self, space: OperatorSpace, constraints: Sequence[Constraint], anchors: Vectors
    ) -> None:
        self.space = space
        self.constraints = tuple(constraints)
        self.limits = tuple(c for c in self.constraints if isinstance(c, Limit))
        self.anchors = anchors
        self._slack = Slack(space, self.limits)
        self._members: Vectors | None = None
        self._parts: list[Region] = []
        self.sampled = 0
        self.passed = 0

    @property
    def share(self) -> float:
        """Feasible share of the space, estimated from the uniform draws so far; nan before any."""
        return self.passed / self.sampled if self.sampled else float("nan")

    def changed(self) -> None:
        """A constraint was tightened: members and their share are found anew."""
        self.sampled = self.passed = 0
        self._members = None
        self._slack = Slack(self.space, self.limits)
        for part in self._parts:
            part.changed()

    def narrowed(self, index: int, share: float) -> Region:
        """The part of it that uses at most a share of one limit.

        Args:
            index: of the limit among `limits`.
            share: how much of it may be used.
        """
        own = self.limits[index]
        constraints = [Narrowed(own, share) if c is own else c for c in self.constraints]
        return self._part(constraints, self.anchors)

    def within(self, limit: Limit, anchors: Vectors) -> Region:
        """The part of it that keeps one more limit.

        Args:
            limit: that limit.
            anchors: members of the part, shape ``(n, decisions)``.
        """
        return self._part([*self.constraints, limit], anchors)

    def _part(self, constraints: Sequence[Constraint], anchors: Vectors) -> Region:
        self._parts.append(Region(self.space, constraints, anchors))
        return self._parts[-1]

    def know(self, members: Vectors) -> None:
        """Takes members among the anchors where none of these is one, shape ``(n, decisions)``."""
        if not self.allowed(self.anchors).any():
            self.anchors = np.concatenate([self.anchors, members])

    def allowed(self, vectors: Vectors) -> Mask:
        """Which architectures keep every constraint, shape ``(count,)``."""
        mask = np.ones(len(vectors), dtype=np.bool_)
        for constraint in self.constraints:
            mask &= constraint.allowed(vectors)
        return mask

    def repair(self, rng: np.random.Generator, vectors: Vectors) -> tuple[Vectors, Mask]:
        """The same architectures, those above a limit changed toward it; see `Slack.repair`.

        Args:
            rng: source of randomness.
            vectors: index vectors, shape ``(count, decisions)``; left as they are.

        Returns:
            Index vectors of the same shape, and which of them are allowed, shape ``(count,)``.
        """
        repaired, kept = self._slack.repair(rng, vectors)
        for constraint in self.constraints:
            if not isinstance(constraint, Limit):
                kept &= constraint.allowed(repaired)
        return repaired, kept

    def everything(self) -> Vectors | None:
        """All members in the order of their indices, shape ``(members, decisions)``.

        None where the space has more than ``ENUMERABLE`` architectures.
        """
        if self.space.size > ENUMERABLE:
            return None
        if self._members is None:
            grid = every_architecture(self.space)
            self._members = np.ascontiguousarray(grid[self.allowed(grid)])
        return self._members

    def draw(self, rng: np.random.Generator, count: int, seen: set[Vector]) -> Vectors:
        """Fresh random members.

        Args:
            rng: source of randomness.
            count: how many are wanted.
            seen: architectures that must not come again; left as it is.

        Returns:
            Index vectors of shape ``(n, decisions)``; ``n < count`` when a bounded number of
            draws found no more.

        Raises:
            InfeasibleError: nothing was seen yet, and no member was found.
        """
        found: dict[Vector, None] = {}
        if count > 0:
            self._uniform(rng, count, seen, found)
        if len(found) < count:
            self._walk(rng, count, seen, found)
        if count > 0 and not found and not seen:
            walked = WALK_BATCH * WALK_BATCHES
            raise InfeasibleError(
                f"none of {self.sampled} random architectures of {self.space.name} and {walked} "
                f"near the fastest keeps every constraint"
            )
        return np.array(list(found), dtype=np.int64).reshape(len(found), len(self.space.decisions))

    def _uniform(
        self, rng: np.random.Generator, count: int, seen: set[Vector], found: dict[Vector, None]
    ) -> None:
        for _ in range(UNIFORM_BATCHES):
            enough = self.sampled >= UNIFORM_BATCH * UNIFORM_BATCHES
            if len(found) >= count or (enough and self.share < _RARE):
                return
            drawn = self.space.sample(rng, self._batch(count - len(found)))
            mask = self.allowed(drawn)
            self.sampled += len(drawn)
            self.passed += int(mask.sum())
            _collect(drawn[mask], count, seen, found)

    def _batch(self, wanted: int) -> int:
        """Draws that are likely to hold so many members; many as long as the share is vague."""
        if self.sampled < UNIFORM_BATCH or not self.passed:
            return UNIFORM_BATCH
        return int(min(UNIFORM_BATCH, max(_FEWEST, 1.5 * wanted / self.share)))

    def _walk(
        self, rng: np.random.Generator, count: int, seen: set[Vector], found: dict[Vector, None]
    ) -> None:
        members = self.anchors[self.allowed(self.anchors)]
        _collect(members, count, seen, found)
        known = sorted({*map(tuple, members.tolist()), *found})
        for _ in range(WALK_BATCHES):
            if len(found) >= count or not known:
                return
            pool = np.array(known, dtype=np.int64)
            parents = pool[rng.integers(len(pool), size=WALK_BATCH)]
            redraw = rng.random(parents.shape) < _WALK_PROBABILITY
            drawn = np.where(redraw, self.space.sample(rng, WALK_BATCH), parents)
            drawn, kept = self.repair(rng, drawn)
            children = drawn[kept]
            _collect(children, count, seen, found)
            if len(known) < _WALK_MEMBERS:
                known = sorted({*known, *map(tuple, children.tolist())})


def _collect(vectors: Vectors, count: int, seen: set[Vector], found: dict[Vector, None]) -> None:
    for vector in map(tuple, vectors.tolist()):
        if len(found) >= count:
            return
        if vector not in seen:
            found[vector] = None


def every_architecture(space: OperatorSpace) -> Vectors:
    """All index vectors of a small space, shape ``(size, decisions)``."""
    sizes = tuple(space.cardinalities)
    return np.indices(sizes).reshape(len(sizes), -1).T.astype(np.int64)
