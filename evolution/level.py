"""The machine's level before a search: how long the reference takes now, against its table.

Why, and what it changes: docs/decisions/level.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from evolution.export import REFERENCE
from evolution.goals import Goal
from evolution.ledger import LEVELLED, Ledger
from evolution.measured import Latency, Measurer
from evolution.progress import View
from luts.commands import build_command
from luts.errors import CorruptFileError, UserError

# Further apart the table is of another machine, or of another state of it.
MOST = 1.5


class Level(BaseModel):
    """What was found of one target.

    Attributes:
        target: its label.
        predicted_ms: the reference's latency by its table.
        measured: the reference's latency now.
        ratio: measured over predicted.
        scale: factor on upper bounds that follows.
        budget_ms: the budget that follows: that share of the measured reference, where the budget
            is a share.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str
    predicted_ms: float
    measured: Latency
    ratio: float
    scale: float
    budget_ms: float


def check_levels(
    goals: Mapping[str, Goal], measurers: Mapping[str, Measurer], reference: Path, ledger: Ledger,
    view: View,
) -> tuple[Level, ...]:
    """Measures the reference on each target and scales bounds and budgets by what is found.

    Args:
        goals: targets by label.
        measurers: of those targets that are here, by the same labels.
        reference: the reference's exported model.
        ledger: keeps what was measured, so that a resumed run takes the same.
        view: is told.

    Raises:
        UserError: the reference takes 1.5 times what its table says, or less than that part of it.
        CorruptFileError: the journal is damaged.
    """
    here = {name: goal for name, goal in goals.items() if name in measurers}
    record = ledger.recall(LEVELLED)
    if record is None:
        view.say("measuring the reference before the search")
        found = tuple(_measure(name, goal, measurers[name], reference)
                      for name, goal in here.items())
        ledger.write(LEVELLED, levels=[level.model_dump(mode="json") for level in found])
    else:
        try:
            found = tuple(Level.model_validate(level) for level in record["levels"])
        except (ValidationError, KeyError, TypeError):
            raise CorruptFileError("the level in the journal is damaged") from None
    for level in found:
        goals[level.target].latency.correction *= level.scale
        goals[level.target].latency.budget_ms = level.budget_ms
        view.say(
            f"the reference takes {level.measured.median_ms:.3f} ms on '{level.target}', "
            f"{level.ratio - 1:+.1%} against its table; the budget is {level.budget_ms:.3f} ms"
        )
    return found


def _measure(name: str, goal: Goal, measure: Measurer, reference: Path) -> Level:
    measured = Latency.of(measure({REFERENCE: reference})[REFERENCE])
    predicted_ms, _ = goal.latency.predictor.predict_reference()
    ratio = measured.median_ms / predicted_ms
    if not 1 / MOST <= ratio <= MOST:
        again = build_command(goal.target, goal.latency.predictor.space.name, goal.threads)
        raise UserError(
            f"the reference takes {measured.median_ms:.3f} ms on '{name}', and its table says "
            f"{predicted_ms:.3f} ms; if nothing else is busy on the machine, measure the table "
            f"again ({again} --force), or search all the same with --no-level-check"
        )
    # An absolute budget is not relieved where the machine is faster than its table: it may become
    # as slow as that again.
    scale, budget = (ratio, ratio) if goal.relative else (max(1.0, ratio), 1.0)
    return Level(target=name, predicted_ms=predicted_ms, measured=measured, ratio=ratio,
                 scale=scale, budget_ms=goal.latency.budget_ms * budget)
