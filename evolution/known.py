"""A fitness that needs no scoring: the sum over decisions that an accuracy source knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evolution.score import Score

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource


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
