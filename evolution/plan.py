"""A search that can begin, with everything that is known before a network loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evolution.constraint import LatencyConstraint
from evolution.folder import RunSettings
from evolution.goals import Goal
from evolution.recipe import Recipe
from evolution.region import Region
from evolution.requirements import Requirement
from luts.estimated import EstimatedTable
from luts.space import OperatorSpace
from luts.table import LatencyTable
from predictor.base import LatencyPredictor


@dataclass(frozen=True)
class Plan:
    """A search that can begin.

    Attributes:
        path: the run folder.
        recipe: what to do.
        recipe_text: the recipe's file.
        space: what is searched.
        table: latencies that were measured, or estimated ones where none were.
        predictor: fitted to the table.
        region: what keeps the constraints.
        settings: what decides the search's result.
        goal: the target that is searched for.
        also: further targets that the network must be quick enough on.
        requirements: all constraints, the latency on the first target first.
    """

    path: Path
    recipe: Recipe
    recipe_text: str
    space: OperatorSpace
    table: LatencyTable | EstimatedTable
    predictor: LatencyPredictor
    region: Region
    settings: RunSettings
    goal: Goal
    also: tuple[Goal, ...]
    requirements: tuple[Requirement, ...]

    @property
    def latency(self) -> LatencyConstraint:
        """The latency constraint on the first target."""
        return self.goal.latency

    @property
    def shared(self) -> float:
        """Factor on upper bounds, see `evolution.constraint.shared_error`."""
        return self.goal.shared

    @property
    def estimated(self) -> bool:
        """Whether the budget is kept by an estimate, so that nothing can be verified here."""
        return isinstance(self.table, EstimatedTable)

    @property
    def evidence(self) -> str:
        """Measurements behind an estimated table, in words; empty for a measured one."""
        return self.table.info.evidence if isinstance(self.table, EstimatedTable) else ""
