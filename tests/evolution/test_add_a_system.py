"""A further system made by following docs/how-to/add-a-system.md: no file of ours is changed."""

import json

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from evolution.recipe import load_recipe
from luts import recipes
from luts.errors import UserError
from luts.spaces import SPACES
from supernet.spaces._chain import IDENTITY, Block, ChainConfig
from supernet.spaces.chain import ChainSpace
from supernet.tasks.base import task_of
from supernet.training.label_rules import SupernetLabelRule
from supernet.training.supernet_rules import RULES
from tests.conformance.classifier import ClassifierConformance
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


FAIR = RECIPE.replace("  sandwich:", """  rule: {name: fair, settings: {rounds: 2}}
  sandwich:""")


class FairSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rounds: int = Field(default=1, ge=1)


class FairRule(SupernetLabelRule):
    """Each choice of each layer is trained equally often in a step (Chu et al., FairNAS, 2019)."""

    def __init__(self, parts):
        super().__init__(parts.space, parts.supernet, parts.teacher, parts.settings)
        self.rounds = parts.options(FairSettings).rounds
        self.trained = np.zeros((len(parts.space.decisions), 3), int)

    def backward(self, batch, rng, progress=1.0):
        figures = []
        for _ in range(self.rounds):
            # Layers that change shape have no third choice; they take their first again.
            orders = [rng.permutation(3) % len(d.choices) for d in self.space.decisions]
            for vector in np.stack(orders, axis=1):
                self.space.activate(self.network, self.space.decode(vector))
                self.trained[np.arange(len(vector)), vector] += 1
                figures.append(self.gradients(batch, self.labelled(batch))[0])
        return {key: float(np.mean([one[key] for one in figures])) for key in figures[0]}


MADE = []


def make_fair(parts):
    MADE.append(FairRule(parts))
    return MADE[-1]


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
    package = tmp_path / "installed" / "tiny_system-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-system\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        f"[metronas.spaces]\ntiny-chain = {__name__}:tiny_chain\n"
        f"[metronas.rules]\nfair = {__name__}:make_fair\n")
    monkeypatch.syspath_prepend(package.parent)
    for registry in (SPACES, RULES):  # which remember what they have found
        monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    MADE.clear()
    return "tiny-chain"


class TestTinyChain(ClassifierConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return tiny_chain()


def test_a_space_and_a_recipe_are_enough(added, tmp_path):
    assert load_recipe(added).space == added and "bn-nas-small" in recipes.recipe_names()
    data = write_folder(tmp_path / "shapes", each=40)
    trained(added, tmp_path / "trained", data=str(data))
    result, accuracy = searched(added, tmp_path / "search", tmp_path / "trained")
    assert result.verified, result.reason
    assert set(result.best.metrics) == {"bn_indicator", "error", "error_top5", "loss"}
    assert accuracy.identity["images"] == "shapes"
    assert "image, class" in (tmp_path / "search" / "report.html").read_text()


def write_fair(folder, recipe=FAIR):
    (folder / "recipes" / "tiny-chain.yaml").write_text(recipe)


def test_a_training_rule_is_found_by_its_name(added, tmp_path):
    write_fair(tmp_path)
    data = write_folder(tmp_path / "shapes", each=40)
    trained(added, tmp_path / "trained", data=str(data))
    tried, rule = MADE  # once before the reference is trained
    assert not tried.trained.any()
    # Three steps of two rounds of three architectures.
    assert rule.trained.tolist() == [[12, 6, 0], [6, 6, 6]] * 2
    kept = json.loads((tmp_path / "trained" / "supernet" / "run.json").read_text())
    assert kept["settings"]["rule"] == {"name": "fair", "settings": {"rounds": 2}}
    assert task_of(added).told_apart(kept["settings"]) == {"trained": "all", "rule": "fair"}


@pytest.mark.parametrize(("old", "new", "message"), [
    ("name: fair", "name: fare", "unknown training rule 'fare'.*fair"),
    ("rounds: 2", "rounds: 0", r"tiny-chain: training.rule.settings.rounds = 0: .*greater"),
    ("rounds: 2", "times: 2", r"training.rule.settings.times = 2: .*not permitted"),
    ("name: fair", "name: pruning", "rule pruning has a section of its own"),
    ("  steps: 3", "  steps: 3\n  parsec: {samples: 2}", "rule fair is in place of .*parsec"),
])
def test_a_rule_that_cannot_be_is_refused_before_the_reference_is_trained(
    added, tmp_path, old, new, message
):
    write_fair(tmp_path, FAIR.replace(old, new))
    data = write_folder(tmp_path / "shapes", each=40)
    with pytest.raises(UserError, match=message):
        trained(added, tmp_path / "trained", data=str(data))
    assert not (tmp_path / "trained" / "reference").exists()


@pytest.mark.parametrize("field", ["name", "space"])
def test_a_recipe_that_is_called_otherwise_than_its_file_is_refused(added, tmp_path, field):
    text = RECIPE.replace(f"{field}: tiny-chain", f"{field}: bn-nas-small")
    (tmp_path / "recipes" / "tiny-chain.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"tiny-chain.yaml: {field}: 'bn-nas-small' must be"):
        trained(added, tmp_path / "trained", data=str(tmp_path))


def test_a_folder_of_recipes_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv(recipes.FOLDER_VARIABLE, "/nowhere")
    with pytest.raises(UserError, match=r"METRONAS_RECIPES=/nowhere"):
        recipes.recipe_names()
