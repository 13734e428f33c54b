"""Targets beside the first that a network must be quick enough on: ``cpu@2:80%``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evolution.asked import ALSO as OPTION
from evolution.budget import MILLISECONDS, parse_amount
from evolution.constraint import LatencyConstraint, shared_error
from luts.errors import UserError
from luts.estimated import EstimatedTable
from luts.table import LatencyTable
from luts.target import load_target
from predictor.base import LatencyPredictor

__all__ = ["OPTION", "Goal", "Wish", "label", "make_goal", "parse_wish", "parts_of"]

_FORM = re.compile(r"(?P<target>[^:@]+)(?:@(?P<threads>[1-9]\d*))?(?::(?P<budget>.+))?")


@dataclass(frozen=True)
class Wish:
    """What a user asks for on one more target.

    Attributes:
        target: target name.
        threads: threads that the network runs on there.
        budget: as text, absolute or a percentage of the reference's latency there.
    """

    target: str
    threads: int
    budget: str


@dataclass(frozen=True)
class Goal:
    """A target with what is known of it, and the budget there.

    Attributes:
        target: target name.
        threads: threads that the network runs on there.
        table: latencies that were measured, or estimated ones where none were.
        latency: the limit, with the predictor behind it.
        relative: whether the budget is a share of the reference's latency.
        shared: factor on upper bounds, see `evolution.constraint.shared_error`.
    """

    target: str
    threads: int
    table: LatencyTable | EstimatedTable
    latency: LatencyConstraint
    relative: bool
    shared: float

    @property
    def estimated(self) -> bool:
        """Whether its latencies are estimated, so that nothing can be measured here."""
        return isinstance(self.table, EstimatedTable)


def label(target: str, threads: int) -> str:
    """How a target is called where there may be several."""
    return target if threads == 1 else f"{target}@{threads}"


def parts_of(name: str) -> tuple[str, int]:
    """Target name and threads of what `label` gave."""
    target, _, threads = name.partition("@")
    return target, int(threads or 1)


def parse_wish(text: str, usual: str | None) -> Wish:
    """Reads one ``--also-target``.

    Args:
        text: ``NAME``, ``NAME:BUDGET``, ``NAME@THREADS`` or ``NAME@THREADS:BUDGET``.
        usual: the budget of one that names none; None where there is no such.

    Raises:
        UnknownNameError: no such target.
        UserError: it is no such text, or its budget is none or missing.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise UserError(f"{OPTION} '{text}' is no target; give NAME, NAME:BUDGET or "
                        "NAME@THREADS:BUDGET, such as cpu@2:80%")
    load_target(match["target"])
    budget = match["budget"] or usual
    if budget is None:
        raise UserError(f"{OPTION} '{text}' names no budget, and the first target's is in "
                        f"milliseconds; give one, such as {OPTION} {text}:80%")
    parse_amount(budget, 1.0, MILLISECONDS, option=f"{OPTION} {text}:")
    return Wish(match["target"], int(match["threads"] or 1), budget)


def make_goal(
    wish: Wish, table: LatencyTable | EstimatedTable, predictor: LatencyPredictor, *, option: str
) -> Goal:
    """Puts a goal together from parts that are already loaded.

    Args:
        wish: what is asked for.
        table: of that target and number of threads.
        predictor: fitted to the table.
        option: where the budget was given, for error messages.

    Raises:
        UserError: a budget that cannot be used.
    """
    relative = "%" in wish.budget
    shared = shared_error(predictor, relative)
    budget_ms = parse_amount(wish.budget, predictor.predict_reference()[0], MILLISECONDS,
                             option=option)
    latency = LatencyConstraint(predictor, budget_ms, shared, label(wish.target, wish.threads))
    return Goal(wish.target, wish.threads, table, latency, relative, shared)
