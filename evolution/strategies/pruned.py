"""Search within what progressive pruning left of a space (DA-NAS).

Training says what is left, and how probable each choice is; the constraints say what is allowed.
Where both agree, the search stays in what is left. Where nothing that is left keeps the
constraints, it takes back as few removals as they ask for, which an integer programme finds; why:
docs/decisions/progressive-pruning.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np

from evolution.known import Known
from evolution.left import Left
from evolution.optimum import Optimiser
from evolution.programme import Score
from evolution.region import Region
from evolution.strategies.base import Floats, LegalRegion, StrategySettings, Vector
from evolution.strategies.joint import Joint, JointSettings
from luts.errors import InfeasibleError, UserError


class PrunedSettings(JointSettings):
    """Options of `ProgressivePruning`, see `JointSettings`.

    ``seeds`` are the most probable architectures here, found exactly.
    """


class ProgressivePruning(Joint):
    """See the module; within what is left and allowed it searches as `Joint` does.

    Attributes:
        taken_back: removed choices that an architecture may have, 0 where what is left can keep
            the constraints.
    """

    Settings: ClassVar[type[StrategySettings]] = PrunedSettings

    def __init__(self, region: LegalRegion, settings: PrunedSettings, seed: int) -> None:
        super().__init__(region, settings, seed)
        self._whole = cast(Region, region)
        self._choices: Sequence[Floats] | None = None
        self.taken_back = 0

    def inform(self, known: Known) -> None:
        """See `Strategy`; it needs what training says of choices."""
        if known.choices is None:
            raise UserError("strategy 'progressive-pruning' stays in what training left of the "
                            "space, and these weights were trained without training.pruning; "
                            "choose another with --strategy")
        self._choices = known.choices
        self._enter()

    def _enter(self) -> None:
        """Finds the part of the region that is left, with as few removals taken back as can be.

        Raises:
            InfeasibleError: no architecture keeps the constraints.
        """
        scores = self._told_choices()
        found = Optimiser(self._whole).best(_penalised(scores), set())
        if found is None:
            raise InfeasibleError(
                f"no architecture of {self._whole.space.name} was found that keeps every "
                "constraint, not even with choices that pruning removed")
        anchor = np.array([found.vector], dtype=np.int64)
        self.taken_back = int(Left(self._whole.space, scores, 0).removed(anchor)[0])
        limit = Left(self._whole.space, scores, self.taken_back)
        self.region = self._whole.within(limit, anchor)
        self._optimiser = Optimiser(self.region)

    def _told_choices(self) -> Sequence[Floats]:
        if self._choices is None:
            raise UserError("strategy 'progressive-pruning' was not told what training left")
        return self._choices

    def _propose(self, rng: np.random.Generator, count: int) -> list[Vector]:
        self._told_choices()
        # Constraints grow tighter when a winner breaks them.
        if not self.region.allowed(self.region.anchors).any():
            try:
                self._enter()
            except InfeasibleError:
                if not self._seen:
                    raise
                return []
        return super()._propose(rng, count)

    def _begin(self, rng: np.random.Generator, count: int) -> list[Vector]:
        if self._seen:
            return []
        rows = self.corners()[:count] if self.settings.corners else []
        scores = [_penalised(self._told_choices())] * min(count - len(rows), self.settings.seeds)
        return rows + self._optima(scores, set(rows))


def _penalised(scores: Sequence[Floats]) -> Score:
    """Scores of choices in which one removed choice weighs more than all else together."""
    known = [each[np.isfinite(each)] for each in scores]
    penalty = 1.0 + sum(float(np.ptp(each)) for each in known)
    return Score(choices=[
        np.where(np.isneginf(each), own.min() - penalty, each)
        for each, own in zip(scores, known, strict=True)
    ])
