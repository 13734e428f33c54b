from __future__ import annotations

import pytest

from benchmarks.halving import row


def scores(part: list[float], whole: list[float]) -> list[dict[str, dict[str, float]]]:
    return [{"fitness": {"2": p, "all": w}, "seconds": {"2": 0.4, "all": 1.0}}
            for p, w in zip(part, whole, strict=True)]


def test_a_part_that_orders_as_all_do_loses_nothing() -> None:
    found = row(scores([1, 2, 3, 4, 5, 6], [2, 4, 6, 8, 10, 12]), 2, 0.4, 5, seed=0)
    assert found["tau"] == pytest.approx(1.0)
    assert found["best_promoted"] == 1.0
    assert found["loss"] == 0.0
    assert found["promoted"] == 2
    assert found["cost"] == pytest.approx(0.4 + 2 / 5)


def test_a_part_that_orders_the_other_way_loses_the_best() -> None:
    found = row(scores([6, 5, 4, 3, 2, 1], [2, 4, 6, 8, 10, 12]), 2, 0.2, 5, seed=0)
    assert found["tau"] == pytest.approx(-1.0)
    assert found["best_promoted"] == 0.0
    assert found["loss"] > 7
