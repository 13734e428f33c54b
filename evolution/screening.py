"""The option of scoring part of the validation pairs first: ``2`` pairs, or ``2:0.3``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from luts.errors import UserError

if TYPE_CHECKING:
    from evolution.recipe import Recipe
    from supernet.accuracy import AccuracySource


class HalvingSection(BaseModel):
    """Which architectures of a batch are scored on all validation pairs.

    Attributes:
        pairs: validation pairs on which all of a batch are scored first.
        share: of the batch that is then scored on all pairs: the better ones, at least one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pairs: int = Field(ge=1)
    share: float = Field(default=0.5, gt=0, lt=1)


def with_halving(recipe: Recipe, text: str) -> Recipe:
    """The recipe with another halving.

    Args:
        recipe: its own halving is replaced.
        text: pairs, and after a colon the share that is promoted; ``off`` for none.

    Raises:
        UserError: it is none of these.
    """
    halving = None if text == "off" else _parsed(text)
    section = recipe.strategy.model_copy(update={"halving": halving})
    return recipe.model_copy(update={"strategy": section})


def check_halving(halving: HalvingSection | None, accuracy: AccuracySource) -> None:
    """Refuses a part that is no part, before anything is scored.

    Raises:
        UserError: there are not more validation pairs than that.
    """
    known = accuracy.identity
    pairs = known.get("validation_pairs", known.get("validation_images"))
    if halving is not None and isinstance(pairs, int) and halving.pairs >= pairs:
        raise UserError(f"--halving {halving.pairs}: there are {pairs} to validate on; give "
                        f"fewer than {pairs}")


def _parsed(text: str) -> HalvingSection:
    match = re.fullmatch(r"(?P<pairs>\d{1,6})(:(?P<share>[\d.]{1,10}))?", text)
    given = {k: v for k, v in match.groupdict().items() if v} if match else {}
    try:
        return HalvingSection.model_validate(given)
    except ValidationError:
        raise UserError(
            f"--halving '{text}' is no halving; give a number of validation pairs such as 2, the "
            "share that is promoted with it such as 2:0.3, or off"
        ) from None
