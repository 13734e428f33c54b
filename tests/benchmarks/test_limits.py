from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import limits, pareto_front
from benchmarks._scores import KnownScores
from evolution.conduct import conduct
from evolution.pareto import hypervolume
from luts.errors import UserError
from luts.files import read_json
from tests.evolution.test_front import JOINT
from tests.evolution.toys import Notes, Toys


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Toys:
    """A toy in place of space, table, weights and device."""
    made = Toys(factors=(1.02,))

    def prepare(options: Any, **_: Any) -> Any:
        given = {name: getattr(options, name) for name in
                 ("latency", "latency_ms", "seed", "evaluations", "level_check", "resume")}
        return made.plan(options.out or Path("unused"), JOINT, **given)

    monkeypatch.setattr("predictor.load.load_predictor", lambda *_: made.predictor)
    monkeypatch.setattr("supernet.accuracy.load_accuracy", lambda *_: made.accuracy)
    monkeypatch.setattr("evolution.prepare.prepare", prepare)
    monkeypatch.setattr("evolution.prepare.prepare_parts", prepare)
    monkeypatch.setattr("evolution.measuring.measurer", lambda *_: made.stopwatch)
    return made


def test_searches_from_just_feasible_to_loose_go_on_and_are_counted(
    toys: Toys, tmp_path: Path
) -> None:
    out = tmp_path / "limits"
    limits.main(searches=4, evaluations=12, most=3, out=out)
    found = read_json(out / "limits.json")
    assert found["done"] == found["verified"] == 3
    with pytest.raises(UserError, match="holds 3 results; add --resume"):
        limits.main(searches=4, evaluations=12, out=out)
    with pytest.raises(UserError, match="repeat its options"):
        limits.main(searches=5, evaluations=12, out=out, resume=True)
    scored = len(toys.accuracy.scored)
    limits.main(searches=4, evaluations=12, out=out, resume=True)
    found = read_json(out / "limits.json")
    assert len(toys.accuracy.scored) - scored <= 12
    assert found["done"] == found["verified"] == found["winners_measured"] == 4
    assert found["winners_struck"] == found["above_budget"] == found["above_budget_again"] == 0
    rows = found["searches_of"]
    reference_ms = toys.predictor.predict_reference()[0]
    lowest = float(toys.predictor.predict(toys.space.everything()).upper_ms.min())
    assert min(r["share"] for r in rows) == pytest.approx(1.001 * lowest / reference_ms)
    assert all(r["level"] == pytest.approx(1.02) for r in rows)
    assert all(r["budget_ms"] == pytest.approx(1.02 * r["share"] * reference_ms) for r in rows)
    assert 0 < found["use_of_budget"]["median"] < found["use_of_budget"]["most"] <= 1
    assert not list(out.rglob("best.onnx"))


def test_what_breaks_its_budget_is_counted() -> None:
    row = {"verified": True, "rounds": 1, "struck": 0, "budget_ms": 10.0, "latency_ms": 9.0,
           "again_ms": 9.5, "share": 0.5, "again_reference_ms": 20.0, "search": 0, "level": 1.0,
           "seconds": 30.0}
    rows = [row, {**row, "search": 1, "again_ms": 10.2, "again_reference_ms": 22.0},
            {**row, "search": 2, "verified": False, "rounds": 5, "struck": 5}]
    found = limits.summary(rows)
    assert (found["done"], found["verified"], found["unverified"]) == (3, 2, [2])
    assert (found["above_budget"], found["above_budget_again"]) == (0, 1)
    assert found["above_share_again"] == 0  # the reference was slower in that session as well
    assert (found["winners_measured"], found["winners_struck"]) == (7, 5)
    assert found["share_struck"] == pytest.approx(5 / 7)
    assert found["minutes"] == 1.5


def test_a_score_is_computed_once_and_kept(tmp_path: Path) -> None:
    made = Toys()
    known = KnownScores(made.accuracy, tmp_path / "scores.jsonl")
    architecture = made.space.decode(np.zeros(8, dtype=np.int64))
    assert known.score(architecture) == known.score(architecture)
    assert known.objective == "epe" and known.hits == 1 and len(made.accuracy.scored) == 1
    again = KnownScores(made.accuracy, tmp_path / "scores.jsonl")
    assert again.score(architecture)["epe"] > 0 and len(made.accuracy.scored) == 1
    made.accuracy.identity = {"weights": "other"}
    with pytest.raises(UserError, match="scores of other weights"):
        KnownScores(made.accuracy, tmp_path / "scores.jsonl")


def test_the_front_is_compared_with_random_networks(toys: Toys, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "compared"
    result = conduct(toys.plan(run, JOINT, pareto="60%..120%", evaluations=60), toys.accuracy,
                     toys.stopwatch, Notes())
    assert result.front is not None
    pareto_front.main(run, random=6, out=out)
    found = read_json(out / "pareto_front.json")
    assert found["points"] == {"front": len(result.front.points), "random": 6}
    assert found["ratio"] > 1
    values = np.array([(r["latency_ms"] / r["reference_ms"], r["metrics"]["epe"])
                       for r in found["networks"] if r["kind"] == "front"])
    assert found["hypervolume"]["front"] == pytest.approx(
        hypervolume(values, np.array(found["worst"])))
    assert found["worst"][0] == pytest.approx(1.2)
    assert found["above_upper_budget"] == {"front": 0, "random": 0}
    calls = toys.stopwatch.rounds
    pareto_front.main(run, random=6, out=out, resume=True)  # nothing is left to measure
    assert toys.stopwatch.rounds == calls
    with pytest.raises(UserError, match="repeat its options"):
        pareto_front.main(run, random=7, out=out, resume=True)


def test_a_run_for_one_budget_has_no_front(toys: Toys, tmp_path: Path) -> None:
    conduct(toys.plan(tmp_path / "run", latency="90%"), toys.accuracy, toys.stopwatch, Notes())
    with pytest.raises(UserError, match="searched for one budget"):
        pareto_front.main(tmp_path / "run", random=6, out=tmp_path / "compared")
