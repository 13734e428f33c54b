import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from luts.errors import CorruptFileError, UserError
from supernet.data.photos import bundled_photos
from supernet.data.render import RenderSettings, render_batch
from supernet.spaces.flownas import flownas_small
from supernet.tasks.flow import flow_metrics, matching_loss, sequence_loss
from supernet.training.checkpoint import (
    load_checkpoint,
    load_weights,
    save_checkpoint,
    step_of,
)
from supernet.training.fad import fad_loss, feature_distance, teacher_maps
from supernet.training.loop import TrainingRun, is_finished, train
from supernet.training.sandwich import SandwichRule
from supernet.training.schedule import one_cycle
from supernet.training.settings import FADSettings, training_settings
from supernet.training.stage import make_stage
from supernet.training.threads import training_device
from tests.supernet.tiny import TINY, Killed, tiny_pairs, tiny_training


@pytest.fixture(scope="module")
def space():
    return flownas_small()


@pytest.fixture(scope="module")
def settings():
    return training_settings("flownas-small", TINY)


@pytest.fixture(scope="module")
def pairs():
    return tiny_pairs()


def run_training(folder, settings, pairs, kind, **options):
    result = tiny_training(folder, settings, pairs, kind, **options)
    assert is_finished(TrainingRun(folder, "flownas-small", kind, settings, 0, {}))
    return result


@pytest.mark.parametrize("kind", ["reference", "supernet"])
def test_a_resumed_training_equals_the_unbroken_one(tmp_path, settings, pairs, kind):
    whole, weights = run_training(tmp_path / "a", settings, pairs, kind)
    with pytest.raises(Killed):
        run_training(tmp_path / "b", settings, pairs, kind, stop_at=4)
    resumed, again = run_training(tmp_path / "b", settings, pairs, kind, resume=True)
    assert resumed["loss"] == whole["loss"] and resumed["epe"] == whole["epe"]
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    steps = [json.loads(line)["step"] for line in (tmp_path / "b/log.jsonl").open()]
    assert steps == [1, 2, 3, 4]


def test_a_folder_with_another_run_is_refused(tmp_path, settings, pairs):
    run_training(tmp_path / "a", settings, pairs, "reference")
    with pytest.raises(UserError, match="--resume"):
        run_training(tmp_path / "a", settings, pairs, "reference")
    other = training_settings("flownas-small", {**TINY, "learning_rate": 1e-3})
    with pytest.raises(UserError, match="settings"):
        run_training(tmp_path / "a", other, pairs, "reference", resume=True)


def test_a_loss_that_is_not_finite_names_the_last_good_checkpoint(
    tmp_path, settings, pairs
):
    broken = render_batch(bundled_photos(), RenderSettings(height=64, width=64), 1, 9)
    broken.flow[0, 0, 0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match=r"step 3.*checkpoint"):
        run_training(tmp_path / "a", settings, [*pairs[:2], broken, pairs[3]], "reference")
    saved = load_checkpoint(
        tmp_path / "a/checkpoint.safetensors", recipe="flownas-small", network="reference"
    )
    assert saved.identity["step"] == 2


def test_the_sandwich_sums_the_gradients_of_its_architectures(space, settings, pairs):
    torch.manual_seed(0)
    plain = training_settings("r", {**TINY, "fad": {"weight": 0.0}, "sandwich": {"random": 1}})
    supernet = space.build_supernet().train()
    SandwichRule(space, supernet, None, plain).backward(pairs[0], np.random.default_rng(3))
    ours = {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in supernet.named_parameters()
    }
    supernet.zero_grad()
    vectors = [space.largest, space.smallest, *space.sample(np.random.default_rng(3), 1)]
    for vector in vectors:
        for encoder in (supernet.fnet, supernet.cnet):
            encoder.choice = space.encoder_choice(space.decode(vector))
        batch = pairs[0]
        features, context = supernet.features(batch.frame1, batch.frame2)
        flows = supernet.head(*features[-1].chunk(2), context[-1], 2, all_steps=True)
        loss = sequence_loss(flows, batch.flow, batch.valid, plain.gamma)
        loss = loss + plain.matching * matching_loss(
            *features[-1].chunk(2), batch.flow, batch.valid
        )
        loss.backward()
    for name, parameter in supernet.named_parameters():
        expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        scale = expected.abs().max().clamp_min(1e-3)
        assert (ours[name] - expected).abs().max() < 1e-3 * scale, name
    assert sum(float(grad.abs().sum()) > 0 for grad in ours.values()) > len(ours) / 3


def test_checkpoints_of_another_recipe_or_truncated_are_refused(tmp_path, space):
    path = tmp_path / "c.safetensors"
    network = space.build_reference()
    identity = {"recipe": "flownas-small", "network": "reference", "step": 1}
    save_checkpoint(path, network, identity)
    with pytest.raises(UserError, match="holds the reference of recipe 'flownas-small'"):
        load_checkpoint(path, recipe="flownas", network="reference")
    with pytest.raises(UserError, match="not the supernet"):
        load_checkpoint(path, recipe="flownas-small", network="supernet")
    saved = load_checkpoint(path, recipe="flownas-small", network="reference")
    with pytest.raises(UserError, match="do not fit"):
        load_weights(space.build_supernet(), saved, path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CorruptFileError, match="c.safetensors"):
        load_checkpoint(path, recipe="flownas-small", network="reference")


def test_bad_training_sections_name_the_field():
    with pytest.raises(UserError, match=r"training\.fad\.pool = 'median'"):
        training_settings("r", {"fad": {"pool": "median"}})
    with pytest.raises(UserError, match=r"training\.stepz"):
        training_settings("r", {"stepz": 3})


def test_sequence_loss_weighs_later_iterations_more():
    target = torch.zeros(1, 2, 4, 4)
    valid = torch.ones(1, 4, 4)
    one = torch.ones(1, 2, 4, 4)
    assert sequence_loss([one, 0 * one], target, valid, 0.8) == pytest.approx(0.8)
    assert sequence_loss([0 * one, one], target, valid, 0.8) == pytest.approx(1.0)
    assert sequence_loss([one], target, 0 * valid, 0.8) == 0
    assert sequence_loss([one], target + 500, valid, 0.8) == 0  # beyond the largest flow


def test_metrics_follow_kitti_s_definition():
    target = torch.zeros(1, 2, 1, 4)
    target[0, 0] = torch.tensor([0.0, 100.0, 10.0, 10.0])
    flow = target.clone()
    flow[0, 0] += torch.tensor([0.0, 4.0, 4.0, 50.0])
    valid = torch.tensor([[[1.0, 1.0, 1.0, 0.0]]])
    found = flow_metrics(flow, target, valid)
    assert found["epe"] == pytest.approx(8 / 3)
    assert found["fl_all"] == pytest.approx(100 / 3)  # 4 px of 100 are within 5 %


def test_matching_loss_is_small_where_features_match():
    torch.manual_seed(0)
    one = 8 * torch.nn.functional.normalize(torch.randn(1, 64, 6, 8), dim=1)
    two = torch.roll(one, 2, dims=3)
    right, wrong = torch.zeros(2, 1, 2, 48, 64)
    right[:, 0] = 16
    valid = torch.ones(1, 48, 64)
    assert matching_loss(one, two, right, valid) < 0.3
    assert matching_loss(one, two, wrong, valid) > 3


def test_fad_is_zero_for_equal_maps_and_works_across_widths():
    torch.manual_seed(0)
    taps = [torch.rand(2, 8, 4, 4) for _ in range(5)]
    wider = [torch.cat([t, t - 1], 1) for t in taps]
    for pool, norm in (("max", "l1"), ("max", "l2"), ("mean", "l1")):
        fad = FADSettings(taps=(1, 4), pool=pool, norm=norm)
        same = fad_loss(taps, teacher_maps(taps, fad), fad)
        assert same < 3e-3  # l2 is smoothed at 0
        other = fad_loss([t + 1 for t in taps], teacher_maps(taps, fad), fad)
        assert other == pytest.approx(2, rel=1e-3)
    assert feature_distance(wider[4], taps[4]) == 0


def test_one_cycle_rises_and_falls_to_zero():
    rates = [one_cycle(step, 100, 1.0) for step in range(100)]
    assert rates[4] == 1.0 and max(rates) == 1.0 and rates[0] < rates[3]
    assert 0 < rates[-1] < 0.02 and one_cycle(100, 100, 1.0) == 0


@pytest.mark.slow
def test_kill_9_and_resume_from_the_command_line(tmp_path):
    command = [sys.executable, "-m", "supernet.train", "--network", "reference", "--steps", "6",
               "--batch", "1", "--save-every", "2", "--threads", "1"]
    subprocess.run([*command, "--out", tmp_path / "a"], check=True)
    process = subprocess.Popen([*command, "--out", tmp_path / "b"])
    log = tmp_path / "b/reference/checkpoint.safetensors"
    while not log.exists():
        assert process.poll() is None
    process.kill()
    process.wait()
    subprocess.run([*command, "--out", tmp_path / "b", "--resume"], check=True)
    last = [(tmp_path / run / "reference/log.jsonl").read_text().splitlines()[-1]
            for run in "ab"]
    losses = [json.loads(line)["loss"] for line in last]
    assert losses[0] == losses[1]


def test_training_goes_on_from_other_weights_and_counts_their_steps(
    tmp_path, settings, pairs
):
    _, weights = run_training(tmp_path / "reference", settings, pairs, "reference")
    stage = make_stage("flownas-small", "reference", tmp_path / "next", settings, 1, None,
                       start=tmp_path)
    again = stage.rule.network.state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    run = TrainingRun(tmp_path / "next", "flownas-small", "reference", settings, 1, stage.extra)
    (tmp_path / "next").mkdir()
    train(run, stage.rule, lambda first: iter(pairs[first:]), resume=False,
          report=lambda step, figures: None, validate=lambda: {})
    saved = load_checkpoint(tmp_path / "next/checkpoint.safetensors", recipe="flownas-small",
                            network="reference")
    assert (saved.identity["step"], step_of(saved)) == (4, 8)
    with pytest.raises(UserError, match="no weights of the reference"):
        make_stage("flownas-small", "reference", tmp_path, settings, 1, None,
                   start=tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "said"), [
    ("tpu", "unknown device 'tpu'"), ("cuda:x", "unknown device 'cuda:x'"),
    pytest.param("cuda:0", "finds no CUDA device", marks=pytest.mark.skipif(
        torch.cuda.is_available(), reason="there is a CUDA device")),
])
def test_devices_that_are_not_there_are_refused(name, said):
    with pytest.raises(UserError, match=said):
        training_device(name)
