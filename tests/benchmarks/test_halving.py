from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import halving
from benchmarks.halving import row
from luts.errors import UserError
from luts.files import read_json
from tests.evolution.toys import RECIPE, Toys


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


def test_what_was_scored_is_kept_when_it_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evolution.recipe import check_recipe

    toys = Toys()
    recipe = check_recipe(dict(RECIPE), "flownas-small.yaml")
    monkeypatch.setattr("evolution.recipe.load_recipe", lambda name: recipe)
    monkeypatch.setattr("luts.spaces.load_space", lambda name: toys.space)
    monkeypatch.setattr("supernet.accuracy.load_accuracy", lambda name: toys.accuracy)
    score, left = toys.accuracy.score, iter(range(9))

    def interrupted(*options: object) -> dict[str, float]:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return score(*options)  # type: ignore[arg-type]

    monkeypatch.setattr(toys.accuracy, "score", interrupted)
    out = tmp_path / "halving.json"
    with pytest.raises(KeyboardInterrupt):
        halving.main(architectures=6, out=out)
    monkeypatch.setattr(toys.accuracy, "score", score)
    with pytest.raises(UserError, match="holds 2 results; add --resume"):
        halving.main(architectures=6, out=out)
    whole = len(toys.accuracy.scored)
    halving.main(architectures=6, out=out, resume=True)
    assert len(toys.accuracy.scored) - whole == 4
    found = read_json(out)
    vectors = [one["vector"] for one in found["scores"]]
    assert len(vectors) == 6 and len({tuple(vector) for vector in vectors}) > 1
    halving.main(architectures=6, out=tmp_path / "again.json")
    assert [one["vector"] for one in read_json(tmp_path / "again.json")["scores"]] == vectors
