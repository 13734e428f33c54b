import json
import shutil

import pytest

from luts.errors import UserError
from luts.files import Journal
from supernet import rank
from supernet._ranking import ranking
from supernet._standalone import Apprentices, distinct_architectures
from supernet.fidelity import rank_agreement
from supernet.spaces.flownas import flownas_small
from supernet.weights import shipped_path
from tests.supernet.tiny import tiny_settings


def test_agreement_is_kendall_s_and_spearman_s():
    same = rank_agreement([1, 2, 3, 4], [10, 20, 30, 40])
    assert (same["kendall"], same["spearman"], same["networks"]) == (1.0, 1.0, 4)
    assert rank_agreement([1, 2, 3, 4], [4, 3, 2, 1])["kendall"] == -1.0
    # 5 of 6 pairs agree; ranks differ by 1, 1, 0, 0.
    one_swap = rank_agreement([1, 2, 3, 4], [2, 1, 3, 4])
    assert one_swap["kendall"] == pytest.approx(4 / 6)
    assert one_swap["spearman"] == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert one_swap["kendall_low"] <= one_swap["kendall"] <= one_swap["kendall_high"]
    for wrong in (([1, 2], [1, 2]), ([1, 2, 3], [1, 2])):
        with pytest.raises(ValueError, match="networks"):
            rank_agreement(*wrong)
    for alike in (([90, 90, 90], [1, 2, 3]), ([1, 2, 3], [90, 90, 90])):
        with pytest.raises(UserError, match="all 3 networks score 90, .*train for longer"):
            rank_agreement(*alike)


def test_supernets_are_compared_with_the_mean_of_the_repetitions():
    space = flownas_small()
    chosen = distinct_architectures(space, 3, 0)

    def scores(*values):
        return [{"epe": v, "fl_all": 10 * v} for v in values]

    found = ranking({"a": scores(1, 2, 3), "b": scores(3, 2, 1)},
                    [scores(1, 5, 6), scores(3, 2, 9)], chosen, [0.3, 0.1, 0.2])
    assert found["agreement"]["a"]["epe"]["kendall"] == 1.0
    assert found["agreement"]["b"]["fl_all"]["kendall"] == -1.0
    assert found["between_repeats"]["epe"]["kendall"] == pytest.approx(1 / 3)
    assert [n["inherited"]["b"]["epe"] for n in found["networks"]] == [3, 2, 1]
    # Means alone are 2, 3.5, 7.5: of three pairs two are as the multiply-adds say.
    assert found["multiply_adds"]["epe"]["kendall"] == pytest.approx(1 / 3)


def test_architectures_are_distinct_and_draws_are_bounded():
    space = flownas_small()
    assert len({a.choices for a in distinct_architectures(space, 50, 1)}) == 50
    assert distinct_architectures(space, 3, 1) != distinct_architectures(space, 3, 2)
    with pytest.raises(UserError, match="1000 draws gave 1000"):
        distinct_architectures(space, 1001, 0)


def test_a_ranking_run_goes_on_to_the_same_result(tmp_path, capsys, monkeypatch):
    options = {
        "architectures": 3, "steps": 1, "pairs": 4, "threads": 1, "out": tmp_path, "as_json": True,
        "changes": ["render.height=64", "render.width=64", "batch=1", "iterations=2",
                    "precision=fp32", "calibration_pairs=2"],
    }

    def go(**more):
        rank.main(recipe="flownas-small", repeats=1, head="shipped", seed=0, device="cpu",
                  workers=1, **{"resume": False, "supernets": None, **options, **more})
        return json.loads(capsys.readouterr().out)

    first = go()
    assert first["run"]["supernets"]["shipped"]["told_apart"] == {"fad": 0.1}
    assert first["agreement"]["shipped"]["epe"]["networks"] == 3
    assert len({n["alone"][0]["epe"] for n in first["networks"]}) == 3
    with pytest.raises(UserError, match="--resume"):
        go()
    with pytest.raises(UserError, match=r"differs in pairs"):
        go(pairs=8, resume=True)
    # What a kill leaves: a torn line, and a network that is trained but not scored.
    journal = tmp_path / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]) + lines[-1][:9])
    assert go(resume=True) == first
    # The networks that were trained alone serve other supernets, too.
    other = tmp_path / "other" / "supernet"
    other.mkdir(parents=True)
    shutil.copyfile(shipped_path("flownas-small", "supernet"), other / "checkpoint.safetensors")
    monkeypatch.setattr(Apprentices, "score", lambda *_: pytest.fail("trained again"))
    same = go(resume=True, supernets=["shipped", str(other.parent)])
    assert same["networks"][0]["alone"] == first["networks"][0]["alone"]
    assert same["agreement"][str(other.parent)] == first["agreement"]["shipped"]
    assert set(same["run"]["supernets"]) == {"shipped", str(other.parent)}


@pytest.mark.slow
def test_networks_trained_at_once_are_those_trained_one_by_one(tmp_path):
    found = []
    for parallel in (1, 2):
        settings = tiny_settings(steps=2)
        apprentices = Apprentices(
            "flownas-small", settings, tmp_path / str(parallel), 0, 1, "cpu", 1, None, 4, parallel
        )
        journal = Journal(tmp_path / f"{parallel}.jsonl")
        chosen = distinct_architectures(flownas_small(), 3, 0)
        found.append(apprentices.scores(chosen, 1, journal, lambda: None))
        assert len(journal.records) == 3
    assert found[0] == found[1]
