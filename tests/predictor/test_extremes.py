from __future__ import annotations

import itertools

import numpy as np
import pytest

from luts.errors import UserError
from luts.space import Decision, Factor, OperatorSpace
from predictor.extremes import minimise


class Shape(OperatorSpace):
    """Only decisions and factors; never lowered."""

    name = "shape"

    def __init__(self, sizes: list[int], factors: list[tuple[int, ...]]) -> None:
        self.decisions = tuple(Decision(f"d{i}", tuple(range(n))) for i, n in enumerate(sizes))
        self.factors = tuple(Factor(f"f{i}", f) for i, f in enumerate(factors))

    def lower_factor(self, factor: object, choices: object) -> list:
        raise AssertionError("not asked for here")

    def lower_reference(self) -> list:
        raise AssertionError("not asked for here")

    def export_onnx(self, architecture: object, path: object) -> None:
        raise AssertionError("not asked for here")


SHAPES = {
    "independent": Shape([3, 4, 2], [(0, 1), (2,)]),
    "chain": Shape([2, 3, 2, 3, 2, 3], [(), (0, 1), (0, 2, 3), (2, 4, 5), (4,)]),
    "chain out of order": Shape([2, 3, 3, 2], [(3, 1), (1, 0), (0, 2)]),
    "triangle": Shape([3, 3, 3], [(0, 1), (1, 2), (2, 0)]),
    "hub": Shape([4, 2, 2, 2], [(0, 1), (2, 0), (0, 3), (0,)]),
    "same pair twice": Shape([3, 4], [(0, 1), (1, 0)]),
    "unseen decision": Shape([3, 2, 3], [(0, 2)]),
    "no decisions in factors": Shape([3], [()]),
}


@pytest.fixture(params=["eliminated", "solved"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to the optimum; the second is for factors that hang together too much."""
    if request.param == "solved":
        monkeypatch.setattr("predictor.elimination.MOST", 0)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", SHAPES)
def test_it_equals_a_full_search(name: str, seed: int) -> None:
    space = SHAPES[name]
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-4, 3)
    costs = [scale * rng.normal(size=len(space.factor_choices(f))) for f in space.factors]
    everything = np.array(list(itertools.product(*(range(n) for n in space.cardinalities))))
    total = sum(
        c[space.factor_rows(f, everything)] for f, c in zip(space.factors, costs, strict=True)
    )
    best = minimise(space, costs)
    assert best.shape == (len(space.decisions),)
    assert best.dtype == np.int64
    row = int(np.flatnonzero((everything == best).all(axis=1)).item())
    assert total[row] == pytest.approx(total.min(), rel=1e-9, abs=1e-12 * scale)


def test_a_chain_needs_no_table_of_all_architectures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4^30 architectures; tables of two decisions do."""
    monkeypatch.setattr("predictor.elimination.MOST", 16)
    monkeypatch.setattr("predictor.extremes._choose_rows", None)
    space = Shape([4] * 30, [(i, i + 1) for i in range(29)])
    rng = np.random.default_rng(0)
    costs = [rng.normal(size=16) for _ in space.factors]
    best = np.zeros(4)
    for cost in costs:
        best = (best[:, None] + cost.reshape(4, 4)).min(axis=0)
    found = minimise(space, costs)[None]
    total = sum(c[space.factor_rows(f, found)] for f, c in zip(space.factors, costs, strict=True))
    assert total[0] == pytest.approx(best.min())


@pytest.mark.usefixtures("way")
def test_ties_and_zero_costs_give_some_architecture() -> None:
    space = SHAPES["chain"]
    best = minimise(space, [np.zeros(len(space.factor_choices(f))) for f in space.factors])
    assert ((best >= 0) & (best < space.cardinalities)).all()


@pytest.mark.parametrize("wrong", [np.zeros(3), np.array([0.0, np.nan]), np.array([0.0, np.inf])])
def test_wrong_costs_are_refused(wrong: np.ndarray) -> None:
    space = Shape([2], [(0,)])
    with pytest.raises(UserError, match="factor f0"):
        minimise(space, [wrong])
