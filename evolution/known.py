"""What is known of architectures before any of them is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evolution.score import Score
from evolution.strategies.base import Floats

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource


@dataclass(frozen=True)
class Known:
    """What a strategy is told before its first turn.

    Attributes:
        score: minus the fitness of every architecture, as a sum; None where only scoring tells.
        choices: by decision, what training says of each choice, larger is better, minus infinity
            for one that it removed, each of shape ``(choices,)``; None where it says nothing.
    """

    score: Score | None = None
    choices: Sequence[Floats] | None = None


def known_beforehand(fitness: Mapping[str, float], accuracy: AccuracySource) -> Known:
    """All that an accuracy source can tell without scoring.

    Args:
        fitness: weight of each metric in the minimised sum.
        accuracy: is asked.
    """
    return Known(known_score(fitness, accuracy), accuracy.hints())


def known_score(fitness: Mapping[str, float], accuracy: AccuracySource) -> Score | None:
    """Minus the fitness of every architecture, where it is known without scoring.

    Args:
        fitness: weight of each metric in the minimised sum.
        accuracy: may know some metrics beforehand.

    Returns:
        The sum; None where a metric with a weight is only known by scoring.
    """
    known = accuracy.sums()
    weights = {name: weight for name, weight in fitness.items() if weight}
    if not weights or set(weights) - set(known):
        return None
    return Score(groups=[(decisions, -weight * values) for name, weight in weights.items()
                         for decisions, values in known[name]])
