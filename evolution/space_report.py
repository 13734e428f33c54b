"""What a space holds under some constraints: size, latencies, feasible share, costly decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evolution.region import every_architecture
from evolution.requirements import Requirement
from evolution.strategies.base import Floats
from luts.space import OperatorSpace
from predictor.base import LatencyPredictor, Prediction

SAMPLES = 20_000
LEVEL = 0.95
_Z = 1.959964  # two-sided normal quantile at 95 %


@dataclass(frozen=True, slots=True)
class Point:
    """A latency and its upper bound, in ms."""

    latency_ms: float
    upper_ms: float


@dataclass(frozen=True, slots=True)
class Share:
    """Feasible share of a space, from random architectures or from all.

    Attributes:
        share: of these.
        low: lower end of its interval at ``LEVEL``; the share itself, if it is of all.
        high: upper end.
    """

    share: float
    low: float
    high: float

    @classmethod
    def of(cls, feasible: int, samples: int, *, all_of_them: bool = False) -> Share:
        """Wilson's interval of a binomial share (Wilson 1927), which holds at 0 and 1 too."""
        p, n = feasible / samples, samples
        if all_of_them:
            return cls(p, p, p)
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
        return cls(p, max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True, slots=True)
class DecisionCost:
    """What a decision costs on average over random architectures.

    Attributes:
        name: of the decision.
        range_ms: mean latency at its dearest choice less that at its cheapest.
        by_choice_ms: choice to the mean latency of architectures that have it.
    """

    name: str
    range_ms: float
    by_choice_ms: dict[int, float]


@dataclass(frozen=True)
class ConstraintShare:
    """How tight one constraint is alone.

    Attributes:
        limit: the constraint, in words.
        share: of the architectures that keep it.
        low: least of it that random architectures have, in its unit.
        median: the median.
        high: the most.
    """

    limit: str
    share: Share
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class SpaceReport:
    """What `report_space` finds.

    Attributes:
        space: its name.
        size: number of architectures.
        samples: architectures behind shares, medians and ranges: random ones, or all there are.
        fastest: see `LatencyPredictor.fastest`.
        median: of the sample.
        slowest: see `LatencyPredictor.slowest`.
        reference: of the hand-designed baseline.
        feasible: share that keeps all constraints.
        constraints: each alone.
        decisions: the costliest first.
    """

    space: str
    size: int
    samples: int
    fastest: Point
    median: Point
    slowest: Point
    reference: Point
    feasible: Share
    constraints: tuple[ConstraintShare, ...]
    decisions: tuple[DecisionCost, ...]

    def as_json(self) -> dict[str, Any]:
        """As it is printed."""
        return asdict(self)


def report_space(
    space: OperatorSpace, predictor: LatencyPredictor, requirements: Sequence[Requirement],
    *, samples: int = SAMPLES, seed: int = 0,
) -> SpaceReport:
    """Looks at random architectures, all in a few gathers; at every one of a small space.

    Args:
        space: the space.
        predictor: of the searched target.
        requirements: all constraints.
        samples: random architectures, or all if there are no more.
        seed: of the draw.
    """
    small = space.size <= samples
    vectors = (every_architecture(space) if small
               else space.sample(np.random.default_rng(seed), samples))
    samples = len(vectors)
    predicted = predictor.predict(vectors)
    ends = predictor.predict(np.stack([predictor.fastest(), predictor.slowest()]))
    middle = int(np.argsort(predicted.latency_ms, kind="stable")[samples // 2])
    kept = np.ones(samples, dtype=np.bool_)
    constraints = []
    for requirement in requirements:
        own = np.ones(samples, dtype=np.bool_)
        for limit in requirement.limits:
            own &= limit.allowed(vectors)
        kept &= own
        low, median, high = np.percentile(requirement.values(vectors), [0, 50, 100])
        constraints.append(ConstraintShare(requirement.say(requirement.top),
                                           Share.of(int(own.sum()), samples, all_of_them=small),
                                           float(low), float(median), float(high)))
    decisions = [
        _cost(space, index, vectors[:, index], predicted.latency_ms)
        for index in range(len(space.decisions))
    ]
    decisions.sort(key=lambda item: -item.range_ms)
    return SpaceReport(
        space.name, space.size, samples, _point(ends, 0), _point(predicted, middle),
        _point(ends, 1), Point(*predictor.predict_reference()),
        Share.of(int(kept.sum()), samples, all_of_them=small), tuple(constraints), tuple(decisions),
    )


def _point(predicted: Prediction, index: int) -> Point:
    return Point(float(predicted.latency_ms[index]), float(predicted.upper_ms[index]))


def _cost(space: OperatorSpace, index: int, chosen: Any, latency_ms: Floats) -> DecisionCost:
    decision = space.decisions[index]
    count = np.bincount(chosen, minlength=len(decision.choices))
    total = np.bincount(chosen, weights=latency_ms, minlength=len(decision.choices))
    means = {choice: float(total[place] / count[place])
             for place, choice in enumerate(decision.choices) if count[place]}
    return DecisionCost(decision.name, max(means.values()) - min(means.values()), means)
