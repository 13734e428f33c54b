"""Pareto fronts: dominance, crowding and hypervolume of points that are minimised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evolution.strategies.base import Floats


def ranks(values: Floats) -> npt.NDArray[np.int64]:
    """Front of each point: 0 for those that none dominates, 1 for those that only they do, ….

    Args:
        values: points, smaller is better, shape ``(n, objectives)``.

    Returns:
        Shape ``(n,)``.
    """
    below = np.asarray((values[:, None] <= values[None]).all(axis=2))
    dominates = np.asarray(below & (values[:, None] < values[None]).any(axis=2))
    above = dominates.sum(axis=0)
    front = np.full(len(values), -1, dtype=np.int64)
    for rank in range(len(values)):
        now = (above == 0) & (front < 0)
        if not now.any():
            break
        front[now] = rank
        above = above - dominates[now].sum(axis=0)
    return front


def crowding(values: Floats) -> Floats:
    """Crowding distance within one front (Deb et al. 2002): the larger, the lonelier.

    Args:
        values: points, shape ``(n, objectives)``.

    Returns:
        Shape ``(n,)``; infinite for the ends of each objective.
    """
    distance = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        sorted_values = column[order]
        width = sorted_values[-1] - sorted_values[0]
        distance[order[[0, -1]]] = np.inf
        if width > 0:
            distance[order[1:-1]] += (sorted_values[2:] - sorted_values[:-2]) / width
    return distance


def hypervolume(values: Floats, worst: Floats) -> float:
    """Volume that points dominate below a reference point.

    The slices between neighbouring values of the last objective are volumes of one dimension
    less; fine for fronts of some hundred points and up to 4 objectives.

    Args:
        values: points, smaller is better, shape ``(n, objectives)``.
        worst: reference point, shape ``(objectives,)``; points that do not lie below it in every
            objective add nothing.
    """
    inside = values[(values < worst).all(axis=1)]
    if not len(inside):
        return 0.0
    if values.shape[1] == 1:
        return float(worst[0] - inside.min())
    inside = inside[np.argsort(inside[:, -1], kind="stable")]
    edges = np.append(inside[:, -1], worst[-1])
    heights = np.diff(edges)
    return float(sum(
        height * hypervolume(inside[: index + 1, :-1], worst[:-1])
        for index, height in enumerate(heights)
        if height > 0
    ))
