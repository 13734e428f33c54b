"""The model of one kind of operator over one or more devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from luts.operator import Operator
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.operators.ceiling import Ceiling, Fleet
from predictor.operators.features import Indices, Schema, bounds_ms, features
from predictor.operators.folds import folds_of
from predictor.operators.interval import Interval
from predictor.operators.learner import Learner, Recipe, recipes_for
from predictor.operators.peers import Peers
from predictor.operators.work import Work

# A word that training lacked, such as another activation, counts as so many log units outside.
_NEW_WORD = 1.0
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


@dataclass(frozen=True)
class KindModel:
    """Predicts ``ceiling * exp(learned)`` for one kind.

    Attributes:
        schema: columns of the kind.
        ceilings: device name to its own physical part.
        fleet: what they say of other devices.
        learner: the learned part, shared by all devices.
        known: interval on devices that were learned from.
        fresh: interval on other devices.
        rows: measured rows behind it.
        error: mean absolute log error of each recipe that was tried, on unseen groups.
        adapted: device name to its interval, for devices that came after the fit.
        peers: what the same operator showed on the devices that were learned from.
    """

    schema: Schema
    ceilings: dict[str, Ceiling]
    fleet: Fleet
    learner: Learner
    known: Interval
    fresh: Interval
    rows: int
    error: dict[str, float]
    adapted: dict[str, Interval]
    peers: Peers

    def adapt(
        self, operators: Sequence[Operator], latency_ms: Floats, device: DeviceFacts
    ) -> KindModel:
        """The same with a ceiling for a device that some operators were measured on.

        Args:
            operators: of this kind, at least one.
            latency_ms: measured, shape ``(operators,)``.
            device: facts of the device.
        """
        work, of = Work.of(operators), np.zeros(len(operators), dtype=np.int64)
        values = features(self.schema, operators, work, [device], of)[1]
        compute_ms, traffic_ms = bounds_ms(work, [device], of)
        log_ms = np.log(latency_ms) - self.learner(values) - self.peers(operators)
        guess = self.ceilings.get(device.name) or self.fleet.guess(device)
        own = guess.adapt(np.array(self.fleet.spread), compute_ms, traffic_ms, log_ms)
        missed = log_ms - own.log_ms(compute_ms, traffic_ms)
        interval = self.known.after(self.fresh, missed)
        return replace(
            self,
            ceilings={**self.ceilings, device.name: own},
            adapted={**self.adapted, device.name: interval},
        )

    def _interval(self, name: str) -> Interval:
        return self.adapted.get(name) or (self.known if name in self.ceilings else self.fresh)

    def log_ms(
        self, operators: Sequence[Operator], facts: Sequence[DeviceFacts], of: Indices
    ) -> tuple[Floats, Floats]:
        """Logarithms of latencies in ms and half widths of intervals, each ``(operators,)``."""
        work = Work.of(operators)
        values, base = _inputs(self.schema, operators, work, facts, of, self.ceilings, self.fleet)
        beyond = self.learner.beyond(values)
        beyond = beyond + _NEW_WORD * np.array([self.schema.new_words(o) for o in operators])
        width = np.zeros(len(of))
        for index in sorted(set(of.tolist())):
            own = of == index
            width[own] = self._interval(facts[index].name).widths(beyond[own])
        return base + self.learner(values) + self.peers(operators), width


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
    several = len(set(rows.of.tolist())) > 1
    # What several devices are for is the next device: there it is judged on whole devices.
    judged = some.of if several else some.groups
    error, unseen = {}, {}
    recipes = recipes_for(len(rows.of))
    for recipe in recipes:
        missed = _unseen(schema, some, facts, recipe, judged, seed)
        error[recipe.name], unseen[recipe] = float(np.abs(missed).mean()), missed
    recipe = recipes[0]
    for other in recipes[1:]:
        if error[other.name] < _BETTER * error[recipe.name]:
            recipe = other
    if several:
        known = Interval.fit(_unseen(schema, some, facts, recipe, some.groups, seed), level)
        fresh = Interval(max(known.margin, Interval.fit(unseen[recipe], level).margin))
    else:
        known = Interval.fit(unseen[recipe], level)
        # One device says nothing of another's: the prior's width, on top of its own.
        fresh = Interval(known.margin + Interval.fit(np.array([]), level).margin)
    ceilings, fleet, learner = _fit(schema, rows, facts, recipe, seed)
    peers = Peers.none()
    if several:
        place = {operator: number for number, operator in enumerate(dict.fromkeys(rows.operators))}
        same = np.array([place[operator] for operator in rows.operators])
        missed = _unseen(schema, rows, facts, recipe, same, seed)
        values, base = _inputs(schema, rows.operators, rows.work, facts, rows.of, ceilings, fleet)
        left = np.log(rows.latency_ms) - base - learner(values)
        peers = Peers.fit(list(place), same, missed, left)
    return KindModel(
        schema, ceilings, fleet, learner, known, fresh, len(rows.of),
        {name: value for name, value in error.items() if np.isfinite(value)},
        {}, peers,
    )  # fmt: skip


def _fit(
    schema: Schema, rows: Rows, facts: Sequence[DeviceFacts], recipe: Recipe, seed: int
) -> tuple[dict[str, Ceiling], Fleet, Learner]:
    compute_ms, traffic_ms = bounds_ms(rows.work, facts, rows.of)
    ceilings = {}
    for index in sorted(set(rows.of.tolist())):
        own = rows.of == index
        ceilings[facts[index].name] = Ceiling.fit(
            compute_ms[own], traffic_ms[own], rows.latency_ms[own]
        )
    fleet = Fleet.of(ceilings, facts)
    values, base = _inputs(schema, rows.operators, rows.work, facts, rows.of, ceilings, fleet)
    signs = features(schema, rows.operators[:1], _head(rows.work), facts, rows.of[:1])[2]
    targets = np.log(rows.latency_ms) - base
    return ceilings, fleet, Learner.fit(recipe, values, targets, signs, seed)


def _head(work: Work) -> Work:
    return Work(work.values[:1], work.dtypes[:1])


def _inputs(
    schema: Schema,
    operators: Sequence[Operator],
    work: Work,
    facts: Sequence[DeviceFacts],
    of: Indices,
    ceilings: dict[str, Ceiling],
    fleet: Fleet,
) -> tuple[Floats, Floats]:
    """Features, and the logarithm of the physical part in ms."""
    _, values, _ = features(schema, operators, work, facts, of)
    compute_ms, traffic_ms = bounds_ms(work, facts, of)
    base = np.zeros(len(of))
    for index in sorted(set(of.tolist())):
        own = of == index
        ceiling = ceilings.get(facts[index].name) or fleet.guess(facts[index])
        base[own] = ceiling.log_ms(compute_ms[own], traffic_ms[own])
    return values, base


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
        ceilings, fleet, learner = _fit(schema, part, facts, recipe, seed)
        values, base = _inputs(schema, rest.operators, rest.work, facts, rest.of, ceilings, fleet)
        missed[judge] = np.log(rest.latency_ms) - base - learner(values)
    return missed
