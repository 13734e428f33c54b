"""Weights are shipped from folders that hold one network or both."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import supernet.weights
from luts.errors import UserError
from supernet import ship
from supernet.spaces.flownas import flownas_small
from supernet.training.run import CHECKPOINT
from supernet.weights import load_part, shipped_path

RECIPE = "flownas-small"


def test_one_network_is_shipped_and_the_other_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = tmp_path / "trained" / "supernet"
    trained.mkdir(parents=True)
    shutil.copyfile(shipped_path(RECIPE, "supernet"), trained / CHECKPOINT)
    monkeypatch.setattr(supernet.weights, "shipped_path",
                        lambda recipe, name: tmp_path / "shipped" / f"{name}.safetensors")
    ship.main(folder=trained.parent, recipe=RECIPE)
    assert [path.name for path in (tmp_path / "shipped").iterdir()] == ["supernet.safetensors"]
    _, before = load_part(flownas_small(), "supernet", trained.parent)
    _, after = load_part(flownas_small(), "supernet")
    assert after["supernet_step"] == before["supernet_step"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds neither 'supernet/checkpoint"):
        ship.main(folder=tmp_path, recipe=RECIPE)
