from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolution.conduct import conduct
from evolution.pools.base import PoolOptions
from evolution.pools.processes import Processes
from evolution.recipe import check_recipe
from evolution.screening import HalvingSection, check_halving, with_halving
from luts.errors import CorruptFileError, UserError
from tests.conformance.pool import toy
from tests.evolution.test_conduct import cut, evaluated, found, journal, search
from tests.evolution.toys import RECIPE, Notes, Toys

HALVED = {**RECIPE, "strategy": {**RECIPE["strategy"],  # type: ignore[dict-item]
                                 "halving": {"pairs": 2, "share": 0.3}}}


def test_the_better_share_of_each_batch_is_scored_on_all_pairs(tmp_path: Path) -> None:
    result, toys = search(tmp_path / "run", recipe=HALVED)
    assert result.verified and result.evaluations == 40
    assert len(toys.accuracy.parts) == 40
    assert len(toys.accuracy.scored) == 4 * 3
    records = journal(tmp_path / "run")
    for batch in range(4):
        screened = [r for r in records if r["event"] == "screened"][10 * batch : 10 * batch + 10]
        best = sorted(screened, key=lambda r: r["fitness"])[:3]
        whole = [r["vector"] for r in evaluated(tmp_path / "run")
                 if r["generation"] == batch and r.get("pairs") is None]
        assert sorted(whole) == sorted(r["vector"] for r in best)


def test_the_rest_is_told_its_part_raised_as_that_of_the_better_was(tmp_path: Path) -> None:
    search(tmp_path / "run", recipe=HALVED)
    records = journal(tmp_path / "run")
    part = {tuple(r["vector"]): r["fitness"] for r in records if r["event"] == "screened"}
    for batch in range(4):
        told = [r for r in evaluated(tmp_path / "run") if r["generation"] == batch]
        shift = np.mean([r["fitness"] - part[tuple(r["vector"])] for r in told
                         if r.get("pairs") is None])
        assert shift < -0.4  # the part's errors are larger by 0.5
        rest = [r for r in told if r.get("pairs") is not None]
        assert len(rest) == 7
        for record in rest:
            assert record["pairs"] == 2 and record["metrics"] == {}
            assert record["fitness"] == pytest.approx(part[tuple(record["vector"])] + shift)


def test_what_was_scored_on_a_part_cannot_win(tmp_path: Path) -> None:
    toys = Toys()
    score = toys.accuracy.score

    def flattered(architecture: Any, pairs: int | None = None) -> dict[str, float]:
        # On all pairs each is far worse than its part says, so that estimates look better.
        metrics = score(architecture, pairs)
        rank = len(toys.accuracy.scored)
        return metrics if pairs else {**metrics, "epe": metrics["epe"] + rank}

    toys.accuracy.score = flattered  # type: ignore[method-assign]
    result, _ = search(tmp_path / "run", toys=toys, recipe=HALVED)
    whole = [r for r in evaluated(tmp_path / "run") if r.get("pairs") is None]
    assert result.best.metrics["epe"] == min(r["metrics"]["epe"] for r in whole)


@pytest.mark.parametrize("records", [1, 6, 12, 14, 17, 30])
def test_a_halved_search_resumes_anywhere(tmp_path: Path, records: int) -> None:
    unbroken, _ = search(tmp_path / "run", recipe=HALVED)
    before = journal(tmp_path / "run")
    cut(tmp_path / "run", records, torn=b'{"event"')
    resumed, toys = search(tmp_path / "run", recipe=HALVED, resume=True)
    assert found(resumed) == found(unbroken)
    assert len(toys.accuracy.parts) < 40 or records == 1
    after = journal(tmp_path / "run")
    assert [{**r, "seconds": 0} for r in before] == [{**r, "seconds": 0} for r in after]


def test_a_halved_search_with_workers_finds_the_same(tmp_path: Path) -> None:
    alone, _ = search(tmp_path / "alone", recipe=HALVED)
    toys = Toys()
    with Processes(toys.accuracy, toy, PoolOptions(2)) as pool:  # type: ignore[arg-type]
        plan = toys.plan(tmp_path / "run", HALVED, latency="80%")
        result = conduct(
            plan, toys.accuracy, toys.stopwatch, Notes(),
            pool=pool,  # type: ignore[arg-type]
        )
    assert found(result) == found(alone)


def test_a_damaged_part_is_noticed(tmp_path: Path) -> None:
    search(tmp_path / "run", recipe=HALVED)
    cut(tmp_path / "run", 20)
    path = tmp_path / "run" / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    del lines[3]["seconds"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(CorruptFileError, match="a part of an evaluation .* is damaged"):
        search(tmp_path / "run", recipe=HALVED, resume=True)


def test_the_option_replaces_what_the_recipe_says() -> None:
    recipe = check_recipe(dict(HALVED), "flownas-small.yaml")
    assert with_halving(recipe, "4").strategy.halving == HalvingSection(pairs=4, share=0.5)
    assert with_halving(recipe, "4:0.25").strategy.halving == HalvingSection(pairs=4, share=0.25)
    assert with_halving(recipe, "off").strategy.halving is None


@pytest.mark.parametrize("text", ["", "0", "-1", "2:0", "2:1", "2:1.2.3", "half", "2:", "2:.5:1"])
def test_what_is_no_halving_is_refused(text: str) -> None:
    recipe = check_recipe(dict(RECIPE), "flownas-small.yaml")
    with pytest.raises(UserError, match="is no halving"):
        with_halving(recipe, text)


def test_a_part_must_be_smaller_than_the_whole() -> None:
    accuracy = Toys().accuracy
    accuracy.identity = {"validation_pairs": 8}
    check_halving(HalvingSection(pairs=7), accuracy)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="--halving 8: there are 8 to validate on"):
        check_halving(HalvingSection(pairs=8), accuracy)  # type: ignore[arg-type]
