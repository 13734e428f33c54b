"""Weights that travel to other machines."""

from __future__ import annotations

import copy
import shutil
from functools import partial
from pathlib import Path

import pytest

from evolution.pools.base import PoolOptions
from evolution.pools.carried import Carried, maker
from supernet.accuracy import load_accuracy
from supernet.training.run import CHECKPOINT
from supernet.weights import shipped_path

RECIPE = "flownas-small"
CLUSTER = PoolOptions(2, "10.0.0.1:6379")


@pytest.fixture
def training(tmp_path: Path) -> Path:
    folder = tmp_path / "training"
    for network in ("reference", "supernet"):
        (folder / network).mkdir(parents=True)
        shutil.copy(shipped_path(RECIPE, network), folder / network / CHECKPOINT)
    (folder / "supernet" / "journal.jsonl").write_text("a log that nobody scores with")
    return folder


def test_weights_arrive_where_their_folder_is_not(
    training: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = maker(RECIPE, training, CLUSTER)
    assert isinstance(made, Carried)
    assert set(made.files) == {f"reference/{CHECKPOINT}", f"supernet/{CHECKPOINT}"}
    shutil.rmtree(training)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    # Taken apart and put together, as on its way to another machine.
    accuracy = copy.deepcopy(made)()
    assert accuracy.identity == load_accuracy(RECIPE).identity
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [PoolOptions(), PoolOptions(2), PoolOptions(2, "local")])
def test_on_this_machine_the_folder_itself_is_read(training: Path, options: PoolOptions) -> None:
    made = maker(RECIPE, training, options)
    assert isinstance(made, partial)
    assert made.args == (RECIPE, training.absolute())


def test_weights_of_the_package_stay_where_they_are() -> None:
    made = maker(RECIPE, None, CLUSTER)
    assert isinstance(made, partial)
    assert made.args == (RECIPE, None)
