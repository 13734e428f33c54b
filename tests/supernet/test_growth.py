"""Classes that are added stage by stage: when, which first, and what a step sees of them."""

import json

import numpy as np
import pytest
import torch

from luts.errors import UserError
from supernet.data.images.find import find_images
from supernet.data.images.growing import GrowingOrder
from supernet.data.images.source import ImageSource
from supernet.training.class_order import class_errors, class_order
from supernet.training.growth import Growth, class_counts, plain_steps
from supernet.training.pruning_settings import PruningSettings
from tests.supernet.images import tiny_image_settings

PRUNING = {"shares": [0.5, 1.0], "order": "labels", "ratio": 0.4, "warm_up_epochs": 1, "epochs": 2}
STEPS = 12


def test_stages_have_the_epochs_of_their_classes():
    """100, 300, 600 and 1000 classes, 10 epochs of warm-up and 20 of each stage."""
    settings = PruningSettings(shares=(0.1, 0.3, 0.6, 1.0))
    growth = Growth.plan(settings, 41000, range(1000))
    assert growth.counts == (100, 300, 600, 1000)
    assert growth.ends == (3000, 9000, 21000, 41000) and growth.warm_up == 1000
    assert [growth.stage(step) for step in (0, 2999, 3000, 20999, 21000, 40999)] == [
        0, 0, 1, 2, 3, 3]
    assert [step for step in range(41000) if growth.closes(step)] == [2999, 8999, 20999, 40999]
    # The same epochs of all classes: what growing saves.
    assert plain_steps(settings, 41000, 1000) == 90000
    assert class_counts(settings, 10) == (2, 3, 6, 10)


@pytest.mark.parametrize(("changes", "message"), [
    ({"shares": [0.5, 0.8]}, "the last is 1"), ({"shares": [0.0, 1.0]}, "between 0 and 1"),
    ({"shares": [0.6, 0.3, 1.0]}, "must not fall"), ({"ratio": 1.0}, "less than 1"),
])
def test_odd_stages_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        tiny_image_settings(pruning={**PRUNING, **changes})


@pytest.mark.parametrize(("changes", "message"), [
    ({"parsec": {"samples": 4}}, "without parsec"), ({"trained": "indicator"}, "'indicator'"),
    ({"distil": {"weight": 0.5}}, "without distil"),
])
def test_a_training_has_one_rule(changes, message):
    with pytest.raises(UserError, match=message):
        tiny_image_settings(pruning=PRUNING, **changes)


@pytest.mark.parametrize("changes", [{"trained": "indicator"}, {"distil": {"weight": 0.5}}])
def test_a_distribution_is_learned_by_a_rule_of_its_own(changes):
    with pytest.raises(UserError, match="parsec has a rule of its own, without"):
        tiny_image_settings(parsec={"samples": 4}, **changes)


def test_every_stage_needs_a_step():
    with pytest.raises(UserError, match=r"training\.steps = 3.*4 stages"):
        Growth.plan(PruningSettings(shares=(0.1, 0.3, 0.6, 1.0)), 3, range(10))


DIGEST = "ab12"


def journal(folder, rows, steps=9):
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(
        {"images_sha256": DIGEST, "settings": {"steps": steps}}))
    lines = [json.dumps({"step": step, "loss": 1.0, **{
        f"validation_error_of_class_{c}": 100 - a for c, a in enumerate(row)}}) + "\n"
        for step, row in enumerate(rows)]
    (folder / "log.jsonl").write_text("".join(lines) + json.dumps({"step": 9}) + "\n")


def test_easy_classes_are_those_that_were_learned_soonest(tmp_path):
    held, nowhere = tmp_path / "reference", tmp_path / "nowhere"
    journal(held, [[10, 90, 60, 60], [90, 90, 70, 70]])
    easy = PruningSettings(shares=(1.0,))
    assert class_order(easy, 4, DIGEST, held) == (1, 2, 3, 0)
    numbered = PruningSettings(shares=(1.0,), order="labels")
    assert class_order(numbered, 4, DIGEST, nowhere) == (0, 1, 2, 3)
    with pytest.raises(UserError, match="--network reference"):
        class_order(easy, 4, DIGEST, nowhere)
    with pytest.raises(UserError, match="no errors of 5 classes"):
        class_order(easy, 5, DIGEST, held)
    with pytest.raises(UserError, match="on other images"):
        class_order(easy, 4, "cd34", held)
    journal(tmp_path / "begun", [[10, 90, 60, 60]], steps=10)
    with pytest.raises(UserError, match="at step 9 of 10"):
        class_order(easy, 4, DIGEST, tmp_path / "begun")


def test_a_class_that_is_never_learned_is_hard_by_spread_too(tmp_path):
    journal(tmp_path / "reference", [[0, 40, 90], [0, 80, 90]])
    spread = PruningSettings(shares=(1.0,), easiness="spread")
    assert class_order(spread, 3, DIGEST, tmp_path / "reference") == (2, 1, 0)


def test_errors_by_class_count_only_what_is_there():
    logits = torch.eye(3)[[0, 1, 1, 0]]
    assert class_errors(logits, torch.tensor([0, 0, 1, 1])) == {
        "error_of_class_0": 50.0, "error_of_class_1": 50.0}


def test_a_stage_shows_its_classes_and_halves_stay_disjoint():
    labels = np.arange(80) % 5
    growth = Growth((3, 1, 0, 4, 2), (2, 5), (20, 60), 5)
    order = GrowingOrder(labels, growth, batch=6, seed=1)
    seen = {}
    for step in range(60):
        for within in range(6):
            index = order.index(6 * step + within)
            seen.setdefault((growth.stage(step), within >= 3), []).append(index)
    assert {int(labels[i]) for key in ((0, False), (0, True)) for i in seen[key]} == {3, 1}
    assert {int(labels[i]) for i in seen[1, True]} == set(range(5))
    search, trains = ({*seen[0, half], *seen[1, half]} for half in (False, True))
    assert not search & trains
    # Each round shows every image of its half once.
    half = sorted(i for i in range(80) if labels[i] in (1, 3) and i % 2 == 1)
    assert sorted(seen[0, False][: len(half)]) == half
    again = GrowingOrder(labels, growth, batch=6, seed=1)
    other = GrowingOrder(labels, growth, batch=6, seed=2)
    first = [order.index(place) for place in range(30)]
    assert [again.index(place) for place in range(30)] == first
    assert [other.index(place) for place in range(30)] != first
    with pytest.raises(UserError, match="the first 2 classes have 1 training images"):
        GrowingOrder(np.array([3, 4, 0]), growth, batch=2, seed=0)


def test_a_source_grows_only_where_it_is_told():
    settings = tiny_image_settings(pruning=PRUNING, steps=STEPS, batch=8)
    growth = Growth.plan(settings.pruning, STEPS, [4, 7, 0, 1, 2, 3, 5, 6, 8, 9])
    growing, plain = (ImageSource(find_images("digits"), settings, 8, 8, 10, growth=each)
                      for each in (growth, None))
    first = set(growing.batch(0).labels.tolist())
    assert first <= set(growth.classes(0)) and len(set(plain.batch(0).labels.tolist())) > 2
    assert len(growth.classes(0)) == 5 and len(growth.classes(STEPS - 1)) == 10
    assert torch.equal(growing.held_out().labels, plain.held_out().labels)
