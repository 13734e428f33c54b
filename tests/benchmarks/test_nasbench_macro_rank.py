"""A supernet of NAS-Bench-Macro is ranked on images that it was not trained on, and goes on."""

from __future__ import annotations

import json
import types
from pathlib import Path

import numpy as np
import pytest

import evolution.tabular.nasbench_macro as published
from benchmarks._without_data import agreement_within
from benchmarks.nasbench_macro_rank import RECIPE, Supernet, evenly, main
from luts.errors import UserError
from luts.spaces import load_space
from supernet import train
from supernet.tasks.label_judge import LabelJudge

TINY = ["calibration_images=4", "validation_images=6", "precision=fp32"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nasbench")
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 10
    np.savez(folder / "own.npz", x_train=rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8),
             y_train=labels, x_test=np.zeros((10, 32, 32, 3), np.uint8), y_test=labels[:10])
    train.main(recipe=RECIPE, network=train.Network.supernet, changes=TINY, steps=1, batch=2,
               data=str(folder / "own.npz"), out=folder / "sp", threads=1)
    return folder / "sp"


def test_what_was_scored_is_not_scored_again(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    space = load_space(RECIPE)
    grid = space.sample(np.random.default_rng(0), 9)
    problem = types.SimpleNamespace(
        accuracy=np.linspace(80, 90, 9), costs={"flops": np.arange(9.0)},
        space=types.SimpleNamespace(grid=grid))
    monkeypatch.setattr(published, "nasbench_macro", lambda folder: problem)
    options = {"published": tmp_path, "count": 4, "threads": 1, "out": tmp_path}
    main(supernets=[trained], **options)  # type: ignore[arg-type]
    first = json.loads((tmp_path / "rank.json").read_text())
    assert first["networks"] == 4 and first["multiply-adds"]["kendall"] == 1.0
    assert {"identity", "loss"} <= set(first["supernets"][str(trained)])
    everyone = first["all"]
    assert everyone["multiply-adds"]["kendall"] == 1.0 and everyone["blocks"]["networks"] == 9
    assert set(everyone) == {"blocks", "multiply-adds", str(trained)}
    assert everyone["blocks"]["alike"] is None
    assert "multiply-adds" in capsys.readouterr().out
    monkeypatch.setattr(LabelJudge, "score_inherited", lambda *_: pytest.fail("scored again"))
    main(supernets=[trained], **options)  # type: ignore[arg-type]
    assert json.loads((tmp_path / "rank.json").read_text()) == first


def test_a_folder_of_something_else_is_left_alone(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = types.SimpleNamespace(
        accuracy=np.linspace(80, 90, 9), costs={"flops": np.arange(9.0)},
        space=types.SimpleNamespace(grid=load_space(RECIPE).sample(np.random.default_rng(0), 9)))
    monkeypatch.setattr(published, "nasbench_macro", lambda folder: problem)
    (tmp_path / "journal.jsonl").write_text('{"step": 1}\n')
    with pytest.raises(UserError, match="of something else"):
        main(supernets=[trained], published=tmp_path, count=4, threads=1, out=tmp_path)


def test_all_supernets_are_looked_at_before_any_is_scored(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        Supernet(load_space(RECIPE), tmp_path / "nowhere")  # type: ignore[arg-type]
    (trained / "data.json").write_text('{"data": null}')
    with pytest.raises(UserError, match="images of your own"):
        Supernet(load_space(RECIPE), trained)  # type: ignore[arg-type]


def test_networks_lie_evenly_over_the_order() -> None:
    assert evenly(np.array([5.0, 1.0, 4.0, 2.0, 3.0]), 3).tolist() == [1, 4, 0]


def test_agreement_among_networks_of_as_many_blocks() -> None:
    groups, truth = np.array([1.0, 1, 1, 2, 2, 3]), np.array([3.0, 2, 1, 5, 6, 9])
    assert agreement_within(groups, truth, truth) == 1.0
    # Three pairs the wrong way round, one the right way.
    assert agreement_within(groups, np.array([1.0, 2, 3, 5, 6, 0]), truth) == -0.5
    assert agreement_within(groups, groups, truth) is None
