"""The price of each operator: measured where it was, else estimated, never 0."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from luts.operator import Operator
from predictor._estimate_record import Known
from predictor.device_facts import DeviceFacts
from predictor.estimation.unknown import UnknownKinds
from predictor.extremes import Floats
from predictor.operator_model import OperatorModel

# An estimate far outside of what was measured is wrong by a factor of ten at most.
_MOST_REACH = math.log(10)


@dataclass(frozen=True, slots=True)
class Priced:
    """Operators of one network with their latencies.

    Attributes:
        operators: in order of execution.
        latency_ms: shape ``(operators,)``.
        sources: how each is known.
        spread: standard deviation of each estimate in log units, 0 where it is no estimate, shape
            ``(operators,)``.
    """

    operators: tuple[Operator, ...]
    latency_ms: Floats
    sources: tuple[Known, ...]
    spread: Floats

    @property
    def doubt(self) -> float:
        """Standard deviation of the sum, relative to it, that the estimates bring in.

        Errors of different operators are taken as independent; an operator that occurs again is
        wrong again by the same factor.
        """
        weight: dict[Operator, float] = defaultdict(float)
        for operator, latency_ms, spread in zip(self.operators, self.latency_ms, self.spread,
                                                strict=True):
            weight[operator] += float(latency_ms * spread)
        return math.sqrt(sum(value**2 for value in weight.values())) / float(self.latency_ms.sum())

    def share(self, source: Known) -> float:
        """Part of the time that is known in one way."""
        own = np.array([item == source for item in self.sources], dtype=bool)
        return float(self.latency_ms[own].sum() / self.latency_ms.sum())


@dataclass(frozen=True, slots=True)
class Prices:
    """What operators cost on one target.

    Attributes:
        measured: operator to its median latency in ms.
        model: estimates operators of known kinds.
        device: facts of the target, as the model was fitted with.
        unknown: guesses operators of other kinds.
    """

    measured: Mapping[Operator, float]
    model: OperatorModel
    device: DeviceFacts
    unknown: UnknownKinds

    def __call__(self, operators: Sequence[Operator]) -> Priced:
        """Prices of the operators of a network, at least one."""
        latency_ms, spread = np.zeros(len(operators)), np.zeros(len(operators))
        sources: list[Known] = ["measured"] * len(operators)
        estimated = []
        for place, operator in enumerate(operators):
            if operator in self.measured:
                latency_ms[place] = self.measured[operator]
            elif operator.kind in self.model.kinds:
                sources[place] = "estimated"
                estimated.append(place)
            else:
                sources[place] = "unknown"
                latency_ms[place] = self.unknown.latency_ms(operator)
        if estimated:
            asked = [operators[place] for place in estimated]
            # Far outside of what was measured an upper end may be infinite.
            with np.errstate(over="ignore"):
                found = self.model.predict(asked, self.device)
            latency_ms[estimated] = found.latency_ms
            reach = np.log(found.upper_ms / found.latency_ms)
            spread[estimated] = np.minimum(reach, _MOST_REACH) / _normal_reach(self.model.level)
        return Priced(tuple(operators), latency_ms, tuple(sources), spread)


def _normal_reach(level: float) -> float:
    """Standard deviations on each side of a normal distribution's interval."""
    from statistics import NormalDist

    return NormalDist().inv_cdf((1 + level) / 2)
