"""A front of latency and error that grows point by point, and the volume below it."""

from __future__ import annotations

import numpy as np

from evolution.pareto import hypervolume


class GrowingFront:
    """Points of which none dominates another; both coordinates are minimised and positive.

    Args:
        corner: largest values that count, such as the worst latency and error of interest.
    """

    def __init__(self, corner: tuple[float, float]) -> None:
        self._corner = np.array(corner)
        self._front = np.empty((0, 2))
        self.share = 0.0

    def add(self, point: tuple[float, float]) -> float:
        """Adds a point.

        Args:
            point: latency and error.

        Returns:
            Hypervolume as a share of the box from 0 to the corner, which is `share` from then on.
        """
        new = np.array(point)
        if not (self._front <= new).all(axis=1).any():
            kept = self._front[~(self._front >= new).all(axis=1)]
            self._front = np.concatenate([kept, new[None]])
            box = float(self._corner.prod())
            self.share = hypervolume(self._front, self._corner) / box if box > 0 else 0.0
        return self.share
