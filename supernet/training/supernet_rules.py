"""Where training rules of classification supernets are found by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from luts.errors import UserError
from luts.registry import Registry
from supernet.indicator import IndicatorSpace
from supernet.training.common import M, checked_fields
from supernet.training.image_settings import ImageSettings
from supernet.training.label_rules import SupernetLabelRule, freeze_but_indicator
from supernet.training.parsec import ParsecRule
from supernet.training.pruning import PruningRule, check_prunable
from supernet.training.pruning_record import PRUNING_FILE
from supernet.training.rules import StepRule

if TYPE_CHECKING:
    from supernet.network import Network
    from supernet.space import SearchSpace
    from supernet.training.growth import Growth

@dataclass(frozen=True, slots=True)
class RuleParts:
    """What a training rule is made of.

    Attributes:
        space: of the architectures.
        supernet: what is trained; what needs no gradient is frozen already.
        settings: training section.
        folder: of the supernet's training.
        teacher: trained reference (None: no distillation).
        growth: classes by step (None: all of them, always).
    """

    space: SearchSpace
    supernet: Network
    settings: ImageSettings
    folder: Path
    teacher: Network | None = None
    growth: Growth | None = None

    def options(self, kind: type[M]) -> M:
        """The section ``training.rule.settings``, checked.

        Raises:
            UserError: a field is unknown or out of range; the message names it.
        """
        given = self.settings.rule.settings if self.settings.rule is not None else {}
        return checked_fields(kind, f"recipe {self.space.name}: training.rule.settings", given)


def _sandwich(parts: RuleParts) -> StepRule:
    return SupernetLabelRule(parts.space, parts.supernet, parts.teacher, parts.settings)


def _parsec(parts: RuleParts) -> StepRule:
    return ParsecRule(parts.space, parts.supernet, parts.settings)


def _pruning(parts: RuleParts) -> StepRule:
    if parts.growth is None:
        raise ValueError("pruning without growth")
    return PruningRule(parts.space, parts.supernet, parts.settings, parts.growth,
                       parts.folder / PRUNING_FILE)


_HERE = "supernet.training.supernet_rules"
RULES: Registry[StepRule] = Registry("training rule", "metronas.rules", {
    "sandwich": f"{_HERE}:_sandwich", "parsec": f"{_HERE}:_parsec", "pruning": f"{_HERE}:_pruning",
})
"""Makers, each called with `RuleParts`."""


def make_rule(parts: RuleParts) -> StepRule:
    """The rule that a training section names; norms alone are left open where it says so.

    Raises:
        UserError: there is none of that name, or it does not fit the space.
    """
    if parts.settings.trained == "indicator":
        freeze_but_indicator(_indicated(parts.space), parts.supernet)
    return RULES.get(parts.settings.rule_name)(parts)


def check_rule(space: SearchSpace, settings: ImageSettings, folder: Path) -> None:
    """Refuses what could not train the supernet, before a reference is trained for it.

    Raises:
        UserError: see `make_rule`.
    """
    supernet = space.build_supernet()
    if settings.pruning.used:
        check_prunable(space, supernet)  # its growth is known once the reference is trained
    else:
        make_rule(RuleParts(space, supernet, settings, folder))


def _indicated(space: SearchSpace) -> IndicatorSpace:
    if not isinstance(space, IndicatorSpace):
        raise UserError(f"training.trained = 'indicator': space '{space.name}' has no indicator; "
                        "give 'all'")
    return space
