from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks import _rivals, fronts, search_speed, strategies
from benchmarks._known_front import KnownFront
from evolution.tabular.problem import TabularProblem, TabularSpace
from luts.errors import UserError
from luts.files import read_json, write_json
from luts.space import Decision, Factor
from tests.evolution.toys import Toys


def problem() -> TabularProblem:
    """Six decisions of three choices; the best that is allowed is known."""
    decisions = [Decision(f"d{i}", (0, 1, 2)) for i in range(6)]
    grid = np.array(list(product(range(3), repeat=6)))
    cost = 1.0 + grid.sum(axis=1)
    space = TabularSpace("toy", decisions, [Factor("all", tuple(range(6)))],
                         {"parameters": cost, "flops": cost})
    return TabularProblem(space, 50.0 + 3 * np.sqrt(grid).sum(axis=1), {"ms": cost})


def toys(folder: Path, spaces: tuple[str, ...]) -> list[tuple[str, object, object]]:
    made = problem()
    return [("toy ms 50 %", made, made.percentile("ms", 50))]


@pytest.mark.parametrize("name", [n for n in strategies.METHODS if not n.startswith("pymoo")])
def test_every_search_arrives_and_counts_its_evaluations(name: str) -> None:
    made = problem()
    region = made.percentile("ms", 50)
    goal = made.optimum(region) - 0.25
    counts = [strategies.METHODS[name](made, region, goal, seed, 400) for seed in range(3)]
    arrived = [count for count in counts if count is not None]
    assert arrived and all(1 <= count <= 400 for count in arrived)
    assert counts == [strategies.METHODS[name](made, region, goal, s, 400) for s in range(3)]


def test_a_rival_pays_for_each_network_once_and_gives_up() -> None:
    made = problem()
    region = made.percentile("ms", 50)
    table = _rivals.Table(made, region, goal=1000.0, most=30)
    assert _rivals.regularised_evolution(table, 0, 10, 3) is None
    assert len(table.seen) <= 30
    assert table.allowed[list(table.seen)].all()


def test_pymoo_is_asked_for_by_name_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymoo.algorithms.moo.nsga2", None)
    with pytest.raises(UserError, match=r"python -m pip install pymoo==\S+ \(or leave it out"):
        _rivals.load_pymoo()


def test_pymoo_counts_what_is_allowed() -> None:
    pytest.importorskip("pymoo", reason="pymoo is not installed")
    made = problem()
    region = made.percentile("ms", 50)
    table = _rivals.Table(made, region, made.optimum(region) - 0.25, 400)
    reached = _rivals.pymoo_nsga2(table, 0, 20)
    assert reached is not None and 1 <= reached <= len(table.seen)
    assert table.allowed[list(table.seen)].all()


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategies, "_problems", toys)
    out = tmp_path / "found.json"
    leave = ["pymoo", "joint, no", "exact", "regularised", "once", "nsga2", "evolution"]

    def run(**options: object) -> dict:
        strategies.main(data=tmp_path, seeds=3, most=200, out=out, without=leave, **options)
        return read_json(out)

    whole = run()
    row = whole["summary"]["toy ms 50 %"]
    assert row["share"] == row["methods"]["joint (default)"]["median"] / (
        row["methods"]["random"]["median"])
    half = {**whole, "counts": {"toy ms 50 %": {"random": [7, 8, None]}}}
    own = whole["counts"]["toy ms 50 %"]["joint (default)"]
    half["counts"]["toy ms 50 %"]["joint (default)"] = own[:1]
    write_json(out, half)
    resumed = run(resume=True)
    methods = resumed["summary"]["toy ms 50 %"]["methods"]
    assert methods["random"] == {"median": 8, "p90": pytest.approx(0.8 * 201 + 0.2 * 8),
                                 "gave_up": 1}
    assert methods["joint (default)"] == row["methods"]["joint (default)"]
    with pytest.raises(UserError, match="--resume: .* repeat its options"):
        strategies.main(data=tmp_path, seeds=4, most=200, out=out, resume=True)
    with pytest.raises(UserError, match="no space 'nats'"):
        strategies.main(only=["nats"], data=tmp_path, out=out)


def test_the_speed_of_proposals_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toys = Toys()
    monkeypatch.setattr("predictor.load.load_predictor", lambda target, recipe: toys.predictor)
    out = tmp_path / "speed.json"
    search_speed.main(population=8, generations=3, rounds=1, out=out)
    found = read_json(out)
    for row in found["searches"].values():
        assert row["accepted"] == [24] and row["seconds"] > 0
    uppers = toys.predictor.predict(toys.space.everything()).upper_ms
    assert uppers.min() < found["limit_ms"] < uppers.max()


@pytest.mark.parametrize("name", ["front", "nsga2, population 20", "random"])
def test_a_front_is_worth_the_hypervolume_of_what_was_evaluated(name: str) -> None:
    front = KnownFront.of(problem(), "ms")
    half, whole = front.shares(*fronts.METHODS[name], 0, 60)
    assert 0 < half <= whole <= 1 + 1e-9
    assert front.shares("random", {}, 0, 3**6)[1] == pytest.approx(1)


def test_an_interrupted_comparison_of_fronts_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fronts, "DEVICES", ("ms",))
    monkeypatch.setattr(fronts, "METHODS", {"random": ("random", {})})
    monkeypatch.setattr(fronts, "data_folder", lambda folder: tmp_path)
    monkeypatch.setattr("evolution.tabular.nb201.nb201", lambda folder: problem())
    out = tmp_path / "fronts.json"
    fronts.main(seeds=2, evaluations=20, out=out)
    first = read_json(out)["shares"]
    with pytest.raises(UserError, match="holds 2 results; add --resume"):
        fronts.main(seeds=3, evaluations=20, out=out)
    with pytest.raises(UserError, match="repeat its options"):
        fronts.main(seeds=3, evaluations=30, out=out, resume=True)
    searched = []
    shares = KnownFront.shares
    monkeypatch.setattr(KnownFront, "shares",
                        lambda self, *options: searched.append(options) or shares(self, *options))
    fronts.main(seeds=3, evaluations=20, out=out, resume=True)
    assert len(searched) == 1
    found = read_json(out)["shares"]
    assert len(found["ms"]["random"]) == 3
    assert found["ms"]["random"][:2] == first["ms"]["random"]
