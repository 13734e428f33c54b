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
from predictor.operators.interval import Interval
from predictor.operators.learner import Learner
from predictor.operators.peers import Peers
from predictor.operators.work import Work

# A word that training lacked, such as another activation, counts as so many log units outside.
_NEW_WORD = 1.0


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
        own = guess.adapt(
            np.array(self.fleet.spread), self.known.scatter, compute_ms, traffic_ms, log_ms
        )
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
        values, base = inputs_of(self.schema, operators, work, facts, of, self.ceilings, self.fleet)
        beyond = self.learner.beyond(values)
        beyond = beyond + _NEW_WORD * np.array([self.schema.new_words(o) for o in operators])
        width = np.zeros(len(of))
        for index in sorted(set(of.tolist())):
            own = of == index
            width[own] = self._interval(facts[index].name).widths(beyond[own])
        return base + self.learner(values) + self.peers(operators), width


def inputs_of(
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
