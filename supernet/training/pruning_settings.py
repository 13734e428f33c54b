"""The part of a recipe that says how a space shrinks while classes are added (DA-NAS)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from supernet.training.common import Section


class PruningSettings(Section):
    """See `supernet.training.pruning`; the defaults are what is known of DA-NAS.

    Attributes:
        shares: of the classes that each stage trains on, ascending to 1 (DA-NAS on ImageNet: 0.1,
            0.3, 0.6, 1); empty: no such training.
        warm_up_epochs: epochs of the first stage's classes in which only weights are trained.
        epochs: epochs of every stage, each of its own classes: a stage's share of the steps grows
            with its classes.
        ratio: of the choices left at each decision that is removed behind each stage.
        order: ``easy``: the classes that the reference learned soonest come first; ``labels``: as
            they are numbered.
        easiness: what of a class's accuracy over the reference's checkpoints counts: its ``mean``,
            or ``spread``, the negated mean square of what it lacks to 100 %. The paper's formula is
            not known.
        rate: learning rate of the logits over that of the weights.
        cost: weight of the logarithm of the expected multiply-adds in the logits' loss.
    """

    shares: tuple[float, ...] = ()
    warm_up_epochs: float = Field(default=10, ge=0)
    epochs: float = Field(default=20, gt=0)
    ratio: float = Field(default=0.4, ge=0, lt=1)
    order: Literal["easy", "labels"] = "easy"
    easiness: Literal["mean", "spread"] = "mean"
    rate: float = Field(default=3.0, gt=0)
    cost: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(not 0 < share <= 1 for share in self.shares) or self.shares[-1:] not in ((), (1,)):
            raise ValueError("shares lie between 0 and 1, and the last is 1")
        if any(later < earlier for earlier, later in pairwise(self.shares)):
            raise ValueError("shares must not fall")
        return self

    @property
    def used(self) -> bool:
        """Whether there are stages."""
        return bool(self.shares)
