"""The Pareto front over a range of limits: one search by `Joint` for each of several limits.

What one of them evaluates, all learn from whose limit allows it.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, cast

import numpy as np
from pydantic import Field

from evolution.optimum import Optimiser, work
from evolution.region import Region
from evolution.strategies.base import Floats, LegalRegion, Strategy, StrategySettings, Vector
from evolution.strategies.joint import Joint, JointSettings
from evolution.strategies.remembering import as_matrix, as_rows
from luts.errors import InfeasibleError, UserError
from luts.space import Vectors

_FEWEST = 2  # results that a member's model is fitted to


class FrontSettings(JointSettings):
    """Options of `Front`; those of `Joint` hold for each of its members.

    Attributes:
        low: the lowest limit, as a share of the region's first. Limits that no architecture
            found keeps are left out; a search refuses a range that begins with such a one.
        budgets: how many limits from there to the whole, evenly spaced.
    """

    low: float = Field(default=0.5, gt=0, lt=1)
    budgets: int = Field(default=5, ge=2)


class Front(Strategy):
    """Members take turns, each within its own share of the region's first limit.

    The first turn of each gives the most work that its limit allows, and random architectures.

    Attributes:
        members: from the tightest to the loosest; the last has the whole region.
    """

    Settings: ClassVar[type[StrategySettings]] = FrontSettings

    def __init__(self, region: LegalRegion, settings: FrontSettings, seed: int) -> None:
        super().__init__(region, settings, seed)
        shares = np.linspace(settings.low, 1.0, settings.budgets)[:-1].tolist()
        whole = cast(Region, region)
        regions = [*filter(_has_members, (whole.narrowed(0, share) for share in shares)), whole]
        options = {name: getattr(settings, name) for name in JointSettings.model_fields}
        own = JointSettings(**{**options, "first": _FEWEST})
        # Members of one seed would draw alike.
        self.members = [Joint(part, own, seed * settings.budgets + number)
                        for number, part in enumerate(regions)]
        self.turn = 0

    @property
    def batch(self) -> int:
        """Of a member; in the first turns, its part of what the first fit needs, and one more."""
        if self.turn < len(self.members):
            return max(_FEWEST, math.ceil(int(self.settings.first) / len(self.members)) + 1)
        return int(self.settings.batch)

    def ask(self, count: int) -> Vectors:
        """Proposes for the member whose turn it is, for others where it has nothing left."""
        number, rows = self.turn % len(self.members), list[Vector]()
        if self.turn < len(self.members):
            rows = self._begin(self.members[number], count)
            self._exclude(rows)
        self.turn += 1
        order = [*self.members[number:], *self.members[:number]]
        for member in order:
            if len(rows) >= count:
                break
            new = as_rows(member.ask(count - len(rows)))
            self._exclude(new)
            rows += new
        return as_matrix(rows, len(self.region.space.decisions))

    def _begin(self, member: Joint, count: int) -> list[Vector]:
        rows = member.corners()[:count] if self.settings.corners else []
        if self.settings.seeds and len(rows) < count:
            region = member.region
            found = Optimiser(region).best(work(region.space), member.seen.union(rows))
            rows += [found.vector] if found is not None else []
        return rows

    def _exclude(self, rows: list[Vector]) -> None:
        for member in self.members:
            member.exclude(rows)

    def tell(self, vectors: Vectors, fitness: Floats) -> None:
        """Tells every member what its limit allows; see `Strategy.tell`."""
        values = np.asarray(fitness, dtype=np.float64)
        if len(vectors) != len(values):
            raise UserError(f"{len(vectors)} architectures were told {len(values)} results")
        for member in self.members[:-1]:
            own = member.region.allowed(vectors)
            member.tell(vectors[own], values[own])
        self.members[-1].tell(vectors, values)

    def state(self) -> dict[str, Any]:
        """See `Strategy.state`."""
        return {"turn": self.turn, "members": [member.state() for member in self.members]}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Strategy.restore`."""
        self.turn = int(state["turn"])
        for member, own in zip(self.members, state["members"], strict=True):
            member.restore(own)


def _has_members(region: Region) -> bool:
    try:
        region.know(region.draw(np.random.default_rng(0), 1, set()))
    except InfeasibleError:
        return False
    return True
