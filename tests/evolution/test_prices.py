from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evolution.prices import main, prices_of
from luts.prices import Prices
from luts.spaces import load_space
from tests.evolution.test_run import tables  # noqa: F401 - fixture
from tests.evolution.toys import Toys


def test_shares_are_those_of_the_limits(tmp_path: Path) -> None:
    toys = Toys()
    plan = toys.plan(tmp_path / "run", latency="80%", limits={"flops": "150%"}, also=("cpu@2:80%",))
    prices = prices_of(toys.space, plan.requirements)
    prices.save(tmp_path / "prices.json")
    read = Prices.load(tmp_path / "prices.json", toys.space)
    assert read == prices
    everything = toys.space.everything()
    shares = read.shares(toys.space, everything)
    limits = [limit for requirement in plan.requirements for limit in requirement.limits]
    assert len(shares) == len(limits) == len(read.limits) == 3
    for own, limit, price in zip(shares, limits, read.limits, strict=True):
        used = limit.use(everything)
        assert 0 < (used > 1).mean() < 1
        np.testing.assert_allclose(own, used, atol=price.error + 1e-9)
        assert price.error < 1e-6  # the toy predictor's bounds are additive


def test_the_command_writes_a_file_for_a_training(
    tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("METRONAS_TABLES", str(tables))
    place = tmp_path / "new" / "prices.json"
    main(target="cpu", recipe="flownas-small", latency="100%", out=place)
    space = load_space("flownas-small")
    prices = Prices.load(place, space)
    shares = prices.shares(space, space.sample(np.random.default_rng(0), 200))
    assert shares.shape == (1, 200) and np.ptp(shares) > 0.05
    assert "latency_ms" in prices.limits[0].limit and f"written: {place}" in capsys.readouterr().out
