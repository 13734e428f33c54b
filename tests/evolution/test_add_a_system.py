"""A further system made by following docs/how-to/add-a-system.md: a space and a recipe file."""

import pytest

from evolution.recipe import load_recipe
from luts import recipes
from luts.errors import UserError
from luts.spaces import SPACES
from supernet.spaces._chain import IDENTITY, Block, ChainConfig
from supernet.spaces.chain import ChainSpace
from tests.evolution.classifiers import searched, trained
from tests.supernet.images import write_folder

RECIPE = """
name: tiny-chain
paper: "None: four layers to try the instructions with"
space: tiny-chain
task: classification
training:
  steps: 3
  batch: 4
  precision: fp32
  calibration_images: 8
  sandwich: {largest: true, smallest: true, random: 1, in_place: 1.0}
  distil: {weight: 0.5}
strategy:
  name: random
  fitness: {error: 1.0, bn_indicator: 0.001}
  settings: {samples: 6}
verification: {metric_tolerance: 2.0e-2}
"""


def tiny_chain():
    config = ChainConfig(
        stem=8, stem_stride=2, first=None, stages=((12, 2, 1), (16, 2, 2)),
        blocks=(Block(3, 3), Block(5, 3), IDENTITY), last=24, classes=3, height=16, width=16,
    )
    return ChainSpace("tiny-chain", config, 0)


@pytest.fixture
def added(tmp_path, monkeypatch):
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "tiny-chain.yaml").write_text(RECIPE)
    monkeypatch.setenv(recipes.FOLDER_VARIABLE, str(folder))
    monkeypatch.setitem(SPACES._loaded, "tiny-chain", tiny_chain)
    return "tiny-chain"


def test_a_space_and_a_recipe_are_enough(added, tmp_path):
    assert load_recipe(added).space == added and "bn-nas-small" in recipes.recipe_names()
    data = write_folder(tmp_path / "shapes", each=40)
    trained(added, tmp_path / "trained", data=str(data))
    result, accuracy = searched(added, tmp_path / "search", tmp_path / "trained")
    assert result.verified, result.reason
    assert set(result.best.metrics) == {"bn_indicator", "error", "error_top5", "loss"}
    assert accuracy.identity["images"] == "shapes"
    assert "image, class" in (tmp_path / "search" / "report.html").read_text()


def test_a_folder_of_recipes_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv(recipes.FOLDER_VARIABLE, "/nowhere")
    with pytest.raises(UserError, match=r"METRONAS_RECIPES=/nowhere"):
        recipes.recipe_names()
