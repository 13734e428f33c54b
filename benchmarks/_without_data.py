"""How well scores that need no images order the networks of a tabular benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import nn

    from evolution.tabular.problem import TabularProblem
    from supernet.indicator import IndicatorSpace

Floats = npt.NDArray[np.float64]


def without_data(
    space: IndicatorSpace, problem: TabularProblem, supernets: Mapping[str, nn.Module]
) -> dict[str, dict[str, Any]]:
    """Agreement with the published accuracies, of all networks.

    A block's share of the indicator is near 1 and that of no block is 0, so that the indicator
    counts blocks first; what it knows beyond that shows among networks of as many blocks.

    Args:
        space: the benchmark's.
        problem: all networks and their accuracies.
        supernets: trained ones, by name.

    Returns:
        By score, `supernet.fidelity.rank_agreement` and ``alike``, Kendall's tau among networks of
        as many blocks (None where these all score the same).
    """
    from supernet.fidelity import rank_agreement
    from supernet.indicator import block_scores, indicator

    grid, accuracy = problem.space.grid, problem.accuracy
    one = next(iter(supernets.values()))
    ones = [np.array([0.0 if norm is None else 1.0 for norm in norms])
            for norms in space.last_norms(one)]
    blocks = indicator(ones, grid)
    scores = {
        "blocks": blocks, "multiply-adds": np.asarray(problem.costs["flops"], np.float64),
        **{name: indicator(block_scores(space, each), grid) for name, each in supernets.items()},
    }
    return {
        name: {**rank_agreement(score.tolist(), accuracy.tolist()),
               "alike": agreement_within(blocks, score, accuracy)}
        for name, score in scores.items() if np.ptp(score) > 0
    }


def agreement_within(groups: Floats, score: Floats, truth: Floats) -> float | None:
    """Kendall's tau-b of pairs in one group, the mean over groups weighted by their pairs.

    Args:
        groups: of each network, shape ``(networks,)``.
        score: of each.
        truth: of each.

    Returns:
        None where no group has an order.
    """
    from scipy.stats import kendalltau

    taus, pairs = [], []
    for group in np.unique(groups):
        inside = groups == group
        if np.ptp(score[inside]) > 0 and np.ptp(truth[inside]) > 0:
            taus.append(float(kendalltau(score[inside], truth[inside]).statistic))
            pairs.append(inside.sum() * (inside.sum() - 1) / 2)
    return float(np.average(taus, weights=pairs)) if taus else None
