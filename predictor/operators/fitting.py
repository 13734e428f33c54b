"""Fits the model of one kind: what to learn is chosen on devices or operators left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luts.operator import Operator
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.operators.ceiling import Ceiling, Fleet
from predictor.operators.features import Indices, Schema, bounds_ms, features
from predictor.operators.folds import folds_of
from predictor.operators.interval import Interval
from predictor.operators.kind_model import KindModel, inputs_of
from predictor.operators.learner import Learner, Recipe, recipes_for
from predictor.operators.peers import Peers
from predictor.operators.work import Work

# Rows that choose among recipes; more of them hardly change the choice.
_CHOOSING = 2500
# A recipe must be better than a simpler one by this factor of its error.
_BETTER = 0.98


@dataclass(frozen=True)
class Rows:
    """Measured operators of one kind.

    Attributes:
        operators: one per row.
        work: their numbers.
        latency_ms: measured, shape ``(rows,)``.
        of: index of each row's device, shape ``(rows,)``.
        groups: rows of one group are never both learned from and judged, shape ``(rows,)``.
    """

    operators: Sequence[Operator]
    work: Work
    latency_ms: Floats
    of: Indices
    groups: Indices

    def take(self, rows: Indices) -> Rows:
        """Some of the rows."""
        work = Work(self.work.values[rows], tuple(self.work.dtypes[i] for i in rows))
        operators = [self.operators[i] for i in rows]
        return Rows(operators, work, self.latency_ms[rows], self.of[rows], self.groups[rows])


def fit_kind(rows: Rows, facts: Sequence[DeviceFacts], level: float, seed: int) -> KindModel:
    """Chooses a recipe by grouped cross-validation and fits it to all rows of a kind.

    Args:
        rows: at least one.
        facts: devices that ``rows.of`` counts.
        level: level of the intervals.
        seed: seed of all draws.
    """
    schema = Schema.of(rows.operators)
    rng = np.random.default_rng(seed)
    some = rows
    if len(rows.of) > _CHOOSING:
        some = rows.take(np.sort(rng.choice(len(rows.of), _CHOOSING, replace=False)))
    devices = len(set(rows.of.tolist()))
    # What several devices are for is the next device: there it is judged on whole devices.
    judged = some.of if devices > 1 else some.groups
    error, unseen = {}, {}
    recipes = recipes_for(len(rows.of), devices)
    for recipe in recipes:
        missed = _unseen(schema, some, facts, recipe, judged, seed)
        error[recipe.name], unseen[recipe] = float(np.abs(missed).mean()), missed
    recipe = recipes[0]
    for other in recipes[1:]:
        if error[other.name] < _BETTER * error[recipe.name]:
            recipe = other
    ceilings, fleet, learner = fit_rows(schema, rows, facts, recipe, seed)
    if devices > 1:
        # Now all rows, each by a model that saw no row of its group.
        missed = _unseen(schema, rows, facts, recipe, rows.groups, seed)
        values, base = inputs_of(schema, rows.operators, rows.work, facts, rows.of, ceilings, fleet)
        left = np.log(rows.latency_ms) - base - learner(values)
        peers = Peers.fit(rows.operators, missed, left)
        known = Interval.fit(missed, level)
        fresh = Interval(max(known.margin, Interval.fit(unseen[recipe], level).margin))
    else:
        peers = Peers.none()
        known = Interval.fit(unseen[recipe], level)
        # One device says nothing of another's: the prior's width, on top of its own.
        fresh = Interval(known.margin + Interval.fit(np.array([]), level).margin)
    return KindModel(
        schema, ceilings, fleet, learner, known, fresh, len(rows.of),
        {name: value for name, value in error.items() if np.isfinite(value)},
        {}, peers,
    )  # fmt: skip


def fit_rows(
    schema: Schema, rows: Rows, facts: Sequence[DeviceFacts], recipe: Recipe, seed: int
) -> tuple[dict[str, Ceiling], Fleet, Learner]:
    """Fits one kind of operator.

    Args:
        schema: its attributes.
        rows: what was measured.
        facts: devices of the rows.
        recipe: how the rest is learned.
        seed: seed of the learner.

    Returns:
        Ceilings by device, what they have in common, and the learner of the rest.
    """
    compute_ms, traffic_ms = bounds_ms(rows.work, facts, rows.of)
    ceilings = {}
    for index in sorted(set(rows.of.tolist())):
        own = rows.of == index
        ceilings[facts[index].name] = Ceiling.fit(
            compute_ms[own], traffic_ms[own], rows.latency_ms[own]
        )
    fleet = Fleet.of(ceilings, facts)
    values, base = inputs_of(schema, rows.operators, rows.work, facts, rows.of, ceilings, fleet)
    signs = features(schema, rows.operators[:1], _head(rows.work), facts, rows.of[:1])[2]
    targets = np.log(rows.latency_ms) - base
    return ceilings, fleet, Learner.fit(recipe, values, targets, signs, seed)


def _head(work: Work) -> Work:
    return Work(work.values[:1], work.dtypes[:1])


def _unseen(
    schema: Schema,
    rows: Rows,
    facts: Sequence[DeviceFacts],
    recipe: Recipe,
    judged: Indices,
    seed: int,
) -> Floats:
    """log(measured / predicted) of rows whose group was left out; NaN with one group."""
    missed = np.full(len(rows.of), np.nan)
    for learn, judge in folds_of(judged, seed):
        part, rest = rows.take(learn), rows.take(judge)
        ceilings, fleet, learner = fit_rows(schema, part, facts, recipe, seed)
        values, base = inputs_of(schema, rest.operators, rest.work, facts, rest.of, ceilings, fleet)
        missed[judge] = np.log(rest.latency_ms) - base - learner(values)
    return missed
