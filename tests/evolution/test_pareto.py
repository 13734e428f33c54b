from __future__ import annotations

import numpy as np
import pytest

from evolution.pareto import crowding, hypervolume, ranks


def test_fronts_by_hand() -> None:
    points = np.array([[1, 4], [2, 2], [4, 1], [3, 3], [4, 4], [2, 2]], dtype=float)
    assert ranks(points).tolist() == [0, 0, 0, 1, 2, 0]
    assert ranks(np.array([[3.0], [1.0], [2.0]])).tolist() == [2, 0, 1]


def test_the_ends_of_a_front_are_loneliest() -> None:
    points = np.array([[0, 10], [1, 8], [2, 7], [10, 0]], dtype=float)
    distance = crowding(points)
    assert np.isinf(distance[[0, 3]]).all()
    assert distance[1] == pytest.approx(2 / 10 + 3 / 10)
    assert distance[2] == pytest.approx(9 / 10 + 8 / 10)
    assert crowding(np.ones((3, 2)))[1] == 0


def test_hypervolume_by_hand_and_by_chance() -> None:
    assert hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([3.0, 3.0])) == 3
    assert hypervolume(np.array([[3.0, 0.0]]), np.array([3.0, 3.0])) == 0
    assert hypervolume(np.empty((0, 2)), np.array([1.0, 1.0])) == 0
    rng = np.random.default_rng(0)
    for objectives in (3, 4):
        points = rng.random((12, objectives))
        drawn = rng.random((200_000, objectives))
        covered = (points[None] <= drawn[:, None]).all(axis=2).any(axis=1).mean()
        assert hypervolume(points, np.ones(objectives)) == pytest.approx(covered, abs=0.005)
