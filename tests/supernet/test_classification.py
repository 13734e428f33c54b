import json

import numpy as np
import pytest
import torch

from luts.errors import UserError
from luts.spaces import load_space
from supernet import evaluate as evaluate_command
from supernet import rank as rank_command
from supernet import train as train_command
from supernet.accuracy import load_accuracy
from supernet.data.images.find import find_images
from supernet.data.images.source import ImageBatch, ImageSource
from supernet.indicator import indicator_parameters
from supernet.spaces.nasbench_macro import nasbench_macro
from supernet.tasks.labels import imitation_loss, label_loss, label_metrics
from supernet.training.image_settings import ImageSettings
from supernet.training.image_stage import make_image_stage
from supernet.training.label_rules import LabelRule, SupernetLabelRule, freeze_but_indicator
from supernet.training.loop import TrainingRun, train
from supernet.training.optimisation import Optimisation
from tests.conformance.accuracy import AccuracyConformance
from tests.supernet.images import tiny_image_settings, write_folder
from tests.supernet.tiny import Killed

RECIPE = "bn-nas-small"
SINGLE = ["steps=2", "batch=4", "validation_images=8", "calibration_images=8", "precision=fp32"]


def images(count=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return ImageBatch(torch.rand(count, 3, 32, 32, generator=generator) * 255,
                      torch.arange(count) % 3)


def test_metrics_count_what_is_not_among_the_first():
    logits = torch.tensor([[9.0, 1, 2, 3, 4, 5], [1, 9, 2, 3, 4, 5], [0, 9, 8, 7, 6, 5]])
    found = label_metrics(logits, torch.tensor([0, 0, 0]))
    assert found["error"] == pytest.approx(200 / 3)
    assert found["error_top5"] == pytest.approx(200 / 3)
    assert label_metrics(logits[:, :3], torch.tensor([0, 0, 0]))["error_top5"] == 0


def test_smoothing_spreads_the_target():
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    shares = logits.log_softmax(1)[0]
    expected = -(0.9 * shares[0] + 0.1 * shares.mean())
    assert label_loss(logits, torch.tensor([0]), 0.1) == pytest.approx(float(expected))


def test_imitation_is_0_for_equal_probabilities_only():
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    assert float(imitation_loss(logits, logits + 5, 3.0)) == pytest.approx(0, abs=1e-6)
    assert float(imitation_loss(logits, logits.flip(1), 3.0)) > 0.1


def rule(**changes):
    space, settings = load_space(RECIPE), tiny_image_settings(**changes)
    torch.manual_seed(0)
    network = space.build_supernet()
    if settings.trained == "indicator":
        freeze_but_indicator(space, network)
    return space, settings, SupernetLabelRule(space, network, None, settings)


def step(made, settings, tmp_path, number=0):
    run = TrainingRun(tmp_path, RECIPE, "supernet", settings, 0, {})
    optimisation = Optimisation(run, made)
    made.train_mode()
    for index in range(number, number + 2):
        yield optimisation.step(images(seed=index), index)


@pytest.mark.parametrize("trained", ["all", "indicator"])
def test_blocks_that_a_step_does_not_sample_stay_as_they_are(tmp_path, trained):
    """Neither momentum nor weight decay moves them."""
    _space, settings, made = rule(trained=trained, weight_decay=0.1)
    steps = step(made, settings, tmp_path)
    next(steps)
    first = made.network.choice
    before = {name: value.clone() for name, value in made.network.named_parameters()}
    next(steps)
    second = made.network.choice
    assert first != second
    for name, value in made.network.named_parameters():
        place = name.split(".")
        if place[0] == "layers":
            sampled = second[int(place[1])] == int(place[2])
            moved = not torch.equal(value, before[name])
            trainable = trained == "all" or "norm3" in place
            assert moved == (sampled and trainable), name


def test_bn_only_training_leaves_all_but_last_norms(tmp_path):
    space, settings, made = rule(trained="indicator")
    open_ = {id(p) for p in indicator_parameters(space, made.network)}
    assert {id(p) for p in made.network.parameters() if p.requires_grad} == open_
    before = {name: v.clone() for name, v in made.network.state_dict().items()}
    list(step(made, settings, tmp_path))
    changed = {name for name, v in made.network.state_dict().items()
               if not torch.equal(v, before[name]) and "num_batches" not in name}
    assert changed and all(".norm3." in name for name in changed)


def test_norms_alone_stand_still_where_no_block_has_any(tmp_path):
    settings = tiny_image_settings(trained="indicator", clip_value=5.0)
    space = nasbench_macro()
    space.sample = lambda rng, count: np.stack([space.smallest] * count)
    network = space.build_supernet()
    freeze_but_indicator(space, network)
    made = SupernetLabelRule(space, network, None, settings)
    before = {name: v.clone() for name, v in network.named_parameters()}
    figures = next(step(made, settings, tmp_path))
    assert figures["gradient_norm"] == 0 and figures["loss"] > 0
    assert all(torch.equal(v, before[name]) for name, v in network.named_parameters())


def test_a_sandwich_sums_gradients_and_imitates_the_largest():
    sandwich = {"largest": True, "smallest": True, "random": 1}
    batch, losses = images(), {}
    for weight in (0.0, 1.0):
        _, _, made = rule(sandwich={**sandwich, "in_place": weight})
        made.train_mode()
        losses[weight] = made.backward(batch, np.random.default_rng(0))
    assert losses[1.0]["loss"] > losses[0.0]["loss"]
    assert losses[1.0]["error_largest"] == losses[0.0]["error_largest"]


def test_a_teacher_takes_part_of_the_loss():
    space, settings, made = rule(distil={"weight": 0.5})
    torch.manual_seed(1)
    taught = SupernetLabelRule(space, made.network, space.build_reference().eval(), settings)
    ours, theirs = (r.backward(images(), np.random.default_rng(0)) for r in (made, taught))
    assert ours["loss"] != theirs["loss"]


def tiny_training(folder, source, settings, *, resume=False, stop_at=None):
    torch.manual_seed(0)
    made = LabelRule(load_space(RECIPE).build_reference(), settings)
    run = TrainingRun(folder, RECIPE, "reference", settings, 0, {}, save_every=2, log_every=1)

    def report(number, figures):
        if number == stop_at:
            raise Killed

    folder.mkdir(exist_ok=True)
    train(run, made, lambda first: (source.batch(s) for s in range(first, 4)), resume=resume,
          report=report, validate=dict)
    return made.network.state_dict()


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path, optimiser):
    settings = tiny_image_settings(optimiser=optimiser, decay_norms=False, clip=None)
    source = ImageSource(find_images("digits"), settings, 32, 32, 10)
    whole = tiny_training(tmp_path / "a", source, settings)
    with pytest.raises(Killed):
        tiny_training(tmp_path / "b", source, settings, stop_at=3)
    again = tiny_training(tmp_path / "b", source, settings, resume=True)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train_command.main(recipe=RECIPE, changes=SINGLE, out=folder, threads=1, **REST)
    return folder


REST = dict(network=train_command.Network.both, architecture=None, stage=None, data=None,
            steps=None, batch=None, seed=0, photos=None, start_from=None, teacher=None,
            device="cpu", workers=1, save_every=250, resume=False)


def test_the_trainer_trains_both_networks(trained):
    log = (trained / "supernet" / "log.jsonl").read_text().splitlines()
    last = json.loads(log[-1])
    assert last["step"] == 2 and 0 <= last["validation_error_largest"] <= 100
    assert last["images_per_second"] > 0
    assert json.loads((trained / "data.json").read_text()) == {"data": None}


def test_other_images_are_refused_and_the_folder_keeps_its_own(trained, tmp_path):
    own = write_folder(tmp_path / "own")
    with pytest.raises(UserError, match="reference' was trained on other images than these of"):
        train_command.main(recipe=RECIPE, changes=SINGLE, out=trained, threads=1,
                           **{**REST, "data": str(own), "resume": True})
    assert json.loads((trained / "data.json").read_text()) == {"data": None}


def test_the_recipe_s_search_looks_at_no_image(trained, monkeypatch):
    accuracy = load_accuracy(RECIPE, trained)
    space = accuracy.space
    monkeypatch.setattr(accuracy, "network", None)
    low = accuracy.score(space.decode(space.smallest))
    assert set(low) == {"bn_indicator"} and low["bn_indicator"] < 0


class TestClassificationAccuracy(AccuracyConformance):
    @pytest.fixture(scope="class")
    def accuracy(self, trained):
        found = load_accuracy(RECIPE, trained)
        found.wanted = {"error"}
        return found


def test_pictures_name_the_true_class(trained):
    accuracy = load_accuracy(RECIPE, trained)
    (panels,) = accuracy.pictures({}, 1)
    assert list(panels) == [f"image, class {int(accuracy.held.labels[0])}"]


def test_scores_need_the_images_that_were_trained_on(tmp_path):
    folder = write_folder(tmp_path / "shapes")
    out = tmp_path / "out"
    train_command.main(recipe=RECIPE, changes=SINGLE, out=out, threads=1,
                       **{**REST, "data": str(folder)})
    accuracy = load_accuracy(RECIPE, out)
    assert accuracy.identity["images"] == "shapes" and len(accuracy.held.labels) == 4
    (folder / "train" / "left" / "000.png").unlink()
    with pytest.raises(UserError, match="not those that"):
        load_accuracy(RECIPE, out)


def test_wrong_options_are_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"training\.trained.*norms"):
        train_command.main(recipe=RECIPE, changes=["trained=norms"], out=tmp_path, threads=1,
                           **REST)
    with pytest.raises(UserError, match="--photos"):
        make_image_stage(RECIPE, "reference", tmp_path, ImageSettings(), 0, tmp_path)
    with pytest.raises(UserError, match=r"distil\.weight = 0\.5: a network alone has no teacher"):
        train_command.main(recipe=RECIPE, changes=["distil.weight=0.5"], out=tmp_path, threads=1,
                           **{**REST, "architecture": "largest"})
    with pytest.raises(UserError, match="--data"):
        train_command.main(recipe="bn-nas", changes=[], out=tmp_path, threads=1, **REST)
    with pytest.raises(UserError, match="no image set"):
        train_command.main(recipe=RECIPE, changes=[], out=tmp_path, threads=1,
                           **{**REST, "data": "nowhere"})


def evaluated(capsys, **options):
    given = dict(run=None, reference=False, architecture=None, only=None, split=None, weights=None,
                 calibrate=None, iterations=None, warm_start=False, scales=None, pictures=None,
                 device="cpu", as_json=True, recipe=RECIPE, data="digits")
    evaluate({**given, **options})
    return json.loads(capsys.readouterr().out)


def evaluate(options):
    evaluate_command.main(**options)


def test_evaluation_counts_errors_by_class(trained, capsys):
    found = evaluated(capsys, reference=True, weights=trained)
    (part,) = found["sets"]
    assert (part["data"], part["group"], part["count"]) == ("digits", "test", 360)
    assert set(part["classes"]) == set("0123456789")
    images = find_images("digits").test
    mean = sum(part["classes"][str(label)]["error"] for label in images.labels) / len(images)
    assert part["mean"]["error"] == pytest.approx(mean, abs=1e-3)
    other = evaluated(capsys, architecture="largest", weights=trained, split="val")
    assert other["weights"] == "supernet" and other["sets"][0]["count"] == 144


def test_evaluation_refuses_what_it_has_not(trained, capsys, tmp_path):
    with pytest.raises(UserError, match="--warm-start"):
        evaluated(capsys, reference=True, weights=trained, warm_start=True)
    with pytest.raises(UserError, match="--scales"):
        evaluated(capsys, reference=True, weights=trained, scales="1,2")
    folder = write_folder(tmp_path / "shapes", parts=("train",))
    with pytest.raises(UserError, match="--split test.*has train, val, all"):
        evaluated(capsys, reference=True, weights=trained, data=str(folder), split="test")


def test_supernets_are_ranked_by_error_and_by_indicator(trained, tmp_path, capsys):
    rank_command.main(
        recipe=RECIPE, architectures=6, steps=2, repeats=1, supernets=[str(trained)], head=None,
        changes=SINGLE[1:], pairs=144, data=None, seed=0, device="cpu", parallel=1, threads=1,
        workers=1, out=tmp_path, resume=False, as_json=True)
    found = json.loads(capsys.readouterr().out)
    (agreement,) = found["agreement"].values()
    assert {"error", "bn_indicator"} <= set(agreement)
    assert found["run"]["supernets"][str(trained)]["told_apart"] == {"trained": "indicator"}
    assert set(found["networks"][0]["alone"][0]) == {"error", "error_top5", "loss"}
    # What a supernet was trained on must not judge it.
    given = dict(recipe=RECIPE, supernets=[str(trained)], pairs=144, steps=2,
                 out=tmp_path / "other")
    with pytest.raises(UserError, match="trained on other images than .*give --data"):
        rank_command.main(**given, changes=SINGLE[1:], data=write_folder(tmp_path / "own"))
    with pytest.raises(UserError, match=r"held_out = 0\.1, .*; give --set held_out=0\.1"):
        rank_command.main(**given, changes=[*SINGLE[1:], "held_out=0.2"])
    with pytest.raises(UserError, match="share no head"):
        rank_command.main(recipe=RECIPE, head="shipped", out=tmp_path)
