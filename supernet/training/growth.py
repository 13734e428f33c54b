"""Which classes are trained on at which step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Self

from luts.errors import UserError
from supernet.training.pruning_settings import PruningSettings

_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Growth:
    """Stages of a training; the first classes of the order, more of them in each stage.

    Attributes:
        order: indices of all classes, those that come first first.
        counts: classes of each stage.
        ends: steps behind each stage, ascending; the last is the whole training.
        warm_up: steps at the beginning in which only weights are trained.
    """

    order: tuple[int, ...]
    counts: tuple[int, ...]
    ends: tuple[int, ...]
    warm_up: int

    @classmethod
    def plan(cls, settings: PruningSettings, steps: int, order: Sequence[int]) -> Self:
        """Divides steps among stages so that each has as many epochs of its classes as asked for.

        Args:
            settings: stages.
            steps: of the whole training.
            order: see the class.

        Raises:
            UserError: there are fewer steps than stages.
        """
        counts = class_counts(settings, len(order))
        warm_up = settings.warm_up_epochs * counts[0]
        each = [settings.epochs * count for count in counts]
        each[0] += warm_up
        total = sum(each)
        ends = tuple(round(steps * passed / total) for passed in accumulate(each))
        if any(later <= earlier for earlier, later in pairwise((0, *ends))):
            raise UserError(f"training.steps = {steps}: {len(counts)} stages of {counts} classes "
                            "need at least one step each; give more")
        return cls(tuple(order), counts, ends, round(steps * warm_up / total))

    def stage(self, step: int) -> int:
        """Index of the stage of a step, both from 0."""
        return min(bisect_right(self.ends, step), len(self.ends) - 1)

    def begin(self, stage: int) -> int:
        """First step of a stage."""
        return 0 if stage == 0 else self.ends[stage - 1]

    def classes(self, step: int) -> tuple[int, ...]:
        """Classes of a step, easy ones first."""
        return self.order[: self.counts[self.stage(step)]]

    def closes(self, step: int) -> bool:
        """Whether it is the last step of its stage."""
        return step + 1 in self.ends


def class_counts(settings: PruningSettings, classes: int) -> tuple[int, ...]:
    """Classes of each stage; at least two, or all that there are."""
    least = min(_FEWEST, classes)
    return tuple(max(least, round(share * classes)) for share in settings.shares)


def plain_steps(settings: PruningSettings, steps: int, classes: int) -> int:
    """Steps of as many epochs, all of them of all classes: what growing saves.

    Args:
        settings: stages.
        steps: that the growing training takes.
        classes: in all.
    """
    counts = class_counts(settings, classes)
    grown = settings.warm_up_epochs * counts[0] + settings.epochs * sum(counts)
    whole = (settings.warm_up_epochs + settings.epochs * len(counts)) * classes
    return round(steps * whole / grown)
