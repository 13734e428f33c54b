"""Options of the training section: averages, precisions, clipping, frozen norms, stages."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from luts.errors import CorruptFileError, DivergedError, UnknownNameError, UserError
from luts.recipes import read_recipe
from supernet.candidates import find_candidate
from supernet.recalibrate import recalibrate
from supernet.spaces.flownas import flownas, flownas_small
from supernet.training.average import WeightAverage
from supernet.training.checkpoint import load_checkpoint, load_weights
from supernet.training.fad import fad_loss, teacher_maps
from supernet.training.overrides import overrides
from supernet.training.plan import Plan
from supernet.training.sampling import StepSampler, gflops
from supernet.training.settings import FADSettings, SandwichSettings, training_settings
from supernet.training.stage import make_stage
from tests.supernet.tiny import (
    Killed,
    tiny_pairs,
    tiny_rule,
    tiny_settings,
    tiny_training,
)

CHECKPOINT = "checkpoint.safetensors"


@pytest.fixture(scope="module")
def pairs():
    return tiny_pairs()


def saved_in(folder):
    return load_checkpoint(folder / CHECKPOINT, recipe="flownas-small", network="reference")


def weights_of(folder, *, averaged):
    network = flownas_small().build_reference()
    load_weights(network, saved_in(folder), folder, averaged=averaged)
    return network.state_dict()


@pytest.mark.parametrize("changes", [
    {"ema": 0.5}, {"precision": "bf16", "ema": 0.9},
    # CPUs emulate fp16.
    pytest.param({"precision": "fp16"}, marks=pytest.mark.slow),
], ids=str)
def test_resume_is_exact_with_averages_and_scaled_losses(tmp_path, pairs, changes):
    settings = tiny_settings(**changes)
    _, weights = tiny_training(tmp_path / "a", settings, pairs, "reference")
    with pytest.raises(Killed):
        tiny_training(tmp_path / "b", settings, pairs, "reference", stop_at=4)
    tiny_training(tmp_path / "b", settings, pairs, "reference", resume=True)
    first, second = (saved_in(tmp_path / name) for name in "ab")
    assert first.identity.get("scaler") == second.identity.get("scaler")
    assert (changes["precision"] == "fp16") == ("scaler" in first.identity) if (
        "precision" in changes) else True
    for held, again in ((first.weights, second.weights), (first.average, second.average)):
        assert set(held) == set(again)
        assert all(torch.equal(held[name], again[name]) for name in held)
    assert bool(first.average) == ("ema" in changes)
    assert all(torch.equal(weights[name], first.weights[name]) for name in weights)


def test_the_average_is_what_is_handed_on(tmp_path, pairs):
    tiny_training(tmp_path / "a", tiny_settings(ema=0.9), pairs, "reference")
    own, average = (weights_of(tmp_path / "a", averaged=a) for a in (False, True))
    assert any(not torch.equal(own[name], average[name]) for name in own)
    held = saved_in(tmp_path / "a").average
    assert all(torch.equal(average[name], value) for name, value in held.items())


def test_the_average_forgets_its_beginning_and_leaves_the_network_alone():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 8.0)
    average = WeightAverage(network, 0.99)
    torch.nn.init.constant_(network.weight, 1.0)
    average.update(1)  # decay 2 / 11
    assert float(average.weights["weight"]) == pytest.approx(1 + 7 * 2 / 11)
    with average.in_place():
        assert network.weight.item() == pytest.approx(1 + 7 * 2 / 11)
    assert network.weight.item() == 1.0
    for step in range(2, 5000):
        average.update(step)
    assert float(average.weights["weight"]) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("precision", "kind"), [("bf16", "supernet"), ("fp16", "reference")])
def test_half_precision_gives_about_the_loss_of_full(pairs, precision, kind):
    found = []
    for chosen in (precision, "fp32"):
        rule = tiny_rule(kind, tiny_settings(precision=chosen))
        rule.train_mode()
        found.append(rule.backward(pairs[0], np.random.default_rng(0))["loss"])
    assert found[0] == pytest.approx(found[1], rel=0.05)
    assert found[0] != found[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["reference", "supernet"])
def test_a_compiled_head_gives_the_same_gradients(pairs, kind):
    found = []
    for compiled in (False, True):
        rule = tiny_rule(kind, tiny_settings())
        if compiled:
            rule.network.head.compile()
        rule.train_mode()
        loss = rule.backward(pairs[0], np.random.default_rng(0))["loss"]
        names = dict(rule.network.named_parameters())
        found.append((loss, names["head.update.flow1.weight"].grad))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-4)
    assert (found[1][1] - found[0][1]).norm() <= 1e-3 * found[0][1].norm()


def test_overflow_skips_a_step_and_halves_the_scale_but_nan_stops(tmp_path, pairs):
    settings = tiny_settings(precision="fp16")
    rule = tiny_rule("reference", settings)
    backward, weights = rule.backward, {}

    def first_overflows(batch, rng, progress):
        figures = backward(batch, rng, progress)
        if progress == 0:
            rule.network.head.update.flow2.bias.grad.fill_(float("inf"))
            weights.update({k: v.clone() for k, v in rule.network.state_dict().items()})
        elif progress == 0.25:
            assert all(torch.equal(v, weights[k]) for k, v in rule.network.state_dict().items())
        return figures

    rule.backward = first_overflows
    tiny_training(tmp_path / "a", settings, pairs, "reference", rule=rule)
    records = [json.loads(line) for line in (tmp_path / "a/log.jsonl").open()]
    # The first scale is large: some more steps overflow by themselves.
    assert records[0]["skipped_steps"] == 1 and records[-1]["skipped_steps"] == 0
    for one, two in pairwise(records):
        assert two["loss_scale"] == one["loss_scale"] / (2 if one["skipped_steps"] else 1)
    assert all(("gradient_norm" in r) == (r["skipped_steps"] == 0) for r in records)
    rule = tiny_rule("reference", settings)
    rule.backward = lambda *_: {"loss": float("nan"), "epe": 1.0}
    with pytest.raises(DivergedError, match="step 1; there is no checkpoint"):
        tiny_training(tmp_path / "b", settings, pairs, "reference", rule=rule)


def test_a_run_of_before_an_option_existed_goes_on(tmp_path, pairs):
    settings = tiny_settings()
    with pytest.raises(Killed):
        tiny_training(tmp_path / "a", settings, pairs, "reference", stop_at=3)
    path = tmp_path / "a/run.json"
    held = json.loads(path.read_text())
    del held["settings"]["ema"], held["settings"]["fad"]["final_weight"]
    path.write_text(json.dumps(held))
    tiny_training(tmp_path / "a", settings, pairs, "reference", resume=True)


@pytest.mark.parametrize(("text", "message"), [
    ("[]", "run.json is no JSON object"), ("{}", "run.json lacks settings"),
])
def test_a_damaged_note_of_a_run_is_named(tmp_path, pairs, text, message):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(CorruptFileError, match=message):
        tiny_training(tmp_path, tiny_settings(), pairs, "reference", resume=True)


def test_frozen_batch_norms_keep_their_statistics(tmp_path, pairs):
    tiny_training(tmp_path / "reference", tiny_settings(), pairs, "reference")
    settings = tiny_settings(freeze_batch_norm=True)
    stage = make_stage("flownas-small", "reference", tmp_path, settings, 0, None, start=tmp_path)
    network = stage.rule.network
    before = network.cnet.norm.running_mean.clone()
    assert before.abs().max() > 0
    stage.rule.train_mode()
    assert network.training and not network.cnet.norm.training
    tiny_training(tmp_path / "next", settings, pairs, "reference", rule=stage.rule)
    recalibrate(network, 255 * torch.rand(2, 3, 64, 64))
    assert torch.equal(network.cnet.norm.running_mean, before)
    again = flownas_small().build_reference()
    load_weights(again, saved_in(tmp_path / "next"), tmp_path)
    recalibrate(again, 255 * torch.rand(2, 3, 64, 64))
    assert torch.equal(again.cnet.norm.running_mean, before)


def test_fad_over_a_pair_is_the_distance_of_the_released_search_code():
    torch.manual_seed(0)
    student, teacher = ([torch.rand(4, 8, 3, 3) for _ in range(5)] for _ in range(2))
    fad = FADSettings(taps=(4,), norm="pair")
    gap = student[4].amax(1) - teacher[4].amax(1)
    both = (gap[:2].square() + gap[2:].square()).sqrt().mean()
    assert fad_loss(student, teacher_maps(teacher, fad), fad, frames=2) == pytest.approx(
        float(both), rel=1e-3)
    assert fad_loss(student, teacher_maps(teacher, fad), fad) == pytest.approx(
        float(gap.abs().mean()), rel=1e-2)


def test_the_weight_of_distillation_changes_linearly():
    fad = FADSettings(weight=0.2, final_weight=0.5)
    assert [fad.weight_at(p) for p in (0, 0.5, 1)] == pytest.approx([0.2, 0.15, 0.1])
    assert FADSettings().weight_at(0.3) == FADSettings().weight


@pytest.mark.parametrize(("section", "said"), [
    ({"fad": {"taps": [5]}}, "taps are some of"), ({"fad": {"taps": []}}, "taps are some of"),
    ({"sandwich": {"random": 0, "largest": False, "smallest": False}}, "at least one"),
    ({"sandwich": {"largest": False, "in_place": 1}}, "needs the largest"),
])
def test_settings_that_cannot_be_are_refused(section, said):
    with pytest.raises(UserError, match=said):
        training_settings("r", section)


def test_the_flops_sampler_draws_as_many_as_asked_within_a_bucket():
    space = flownas_small()
    inside = dict.fromkeys(("uniform", "flops"), 0)
    for sampler in inside:
        settings = SandwichSettings(random=4, sampler=sampler, flops_bucket=0.1)
        for seed in range(10):
            drawn = StepSampler(space, settings).draw(np.random.default_rng(seed))
            assert len(drawn) == 6
            buckets = [gflops(space, vector) // 0.1 for vector in drawn[2:]]
            inside[sampler] += sum(bucket == buckets[0] for bucket in buckets[1:])
    assert inside["flops"] >= 20 > 2 * inside["uniform"]  # of 30
    placed = space.lower(space.decode(space.smallest))
    assert gflops(space, space.smallest) == pytest.approx(
        sum(item.operator.flops * item.repeats for item in placed) / 1e9)


def test_the_others_imitate_the_largest_only_where_asked(pairs):
    losses = {}
    for weight in (0.0, 1.0):
        settings = tiny_settings(sandwich={"random": 1, "in_place": weight}, fad={"weight": 0})
        rule = tiny_rule("supernet", settings)
        rule.train_mode()
        losses[weight] = rule.backward(pairs[0], np.random.default_rng(0))
    assert losses[1.0]["loss"] > losses[0.0]["loss"]
    assert losses[1.0]["epe_largest"] == losses[0.0]["epe_largest"]


def test_a_step_without_corners_names_none(pairs):
    settings = tiny_settings(sandwich={"random": 2, "largest": False, "smallest": False})
    rule = tiny_rule("supernet", settings)
    rule.train_mode()
    assert set(rule.backward(pairs[0], np.random.default_rng(0))) == {"loss", "epe", "fad"}


def test_entries_of_the_gradient_are_limited_where_asked(tmp_path, pairs):
    norms = {}
    for limit in (None, 1e-6):
        settings = tiny_settings(clip_value=limit)
        folder = tmp_path / str(limit)
        norms[limit] = tiny_training(folder, settings, pairs[:1], "reference")[0]["gradient_norm"]
    count = sum(p.numel() for p in flownas_small().build_reference().parameters())
    assert norms[1e-6] <= 1e-6 * count**0.5 < norms[None]


def test_the_head_can_start_as_pytorch_starts_it(tmp_path):
    deviations = {}
    for init in ("kaiming", "torch"):
        stage = make_stage("flownas-small", "reference", tmp_path, tiny_settings(head_init=init), 0,
                           None)
        conv = stage.rule.network.head.update.flow1
        deviations[init] = conv.weight.std().item() * conv.weight[0].numel() ** 0.5
    assert deviations["kaiming"] == pytest.approx(2**0.5, rel=0.05)
    assert deviations["torch"] == pytest.approx(3**-0.5, rel=0.05)  # kaiming_uniform, a = √5


@pytest.mark.parametrize("stage", ["supernet", "largest"])
def test_shortcuts_can_start_as_the_identity(tmp_path, stage):
    found = {}
    for init in ("kaiming", "identity"):
        settings = tiny_settings(
            shortcut_init=init, fad=FADSettings(weight=0.0, initial_head=False))
        candidate = None if stage == "supernet" else find_candidate(flownas_small(), stage)
        made = make_stage("flownas-small", stage, tmp_path, settings, 0, None, candidate=candidate)
        convs = [block.shortcut for block in made.rule.network.modules()
                 if getattr(block, "shortcut", None) is not None]
        assert len(convs) >= 4
        found[init] = []
        for conv in convs:
            x = torch.randn(1, conv.in_channels, 4, 4)
            count = min(conv.in_channels, conv.out_channels)
            found[init].append(torch.equal(conv(x)[:, :count], x[:, :count]))
    assert all(found["identity"])
    assert not any(found["kaiming"])


def test_flownas_has_raft_s_stages():
    section = read_recipe("flownas")["training"]
    found = {name: training_settings("flownas", section, name) for name in section["stages"]}
    assert list(found) == ["chairs", "things", "sintel", "kitti"]
    rows = [(s.steps, s.batch, s.learning_rate, s.weight_decay, s.gamma) for s in found.values()]
    assert rows == [
        (100_000, 10, 4e-4, 1e-4, 0.8), (100_000, 6, 1.25e-4, 1e-4, 0.8),
        (100_000, 6, 1.25e-4, 1e-5, 0.85), (50_000, 6, 1e-4, 1e-5, 0.85),
    ]
    assert [s.freeze_batch_norm for s in found.values()] == [False, True, True, True]
    assert all((s.iterations, s.extra_steps, s.clip) == (12, 100, 1.0) for s in found.values())
    assert found["kitti"].fad == found["chairs"].fad
    assert flownas().iterations == 12


def test_what_a_user_changes_holds_in_every_stage():
    section = {"batch": 4, "fad": {"pool": "max"}, "stages": {"a": {"batch": 2}, "b": {}}}
    wanted = overrides(section, ["fad.weight=0.3", "fad.taps=[4]", "ema=0.9"], batch=8)
    for name in ("a", "b"):
        settings = training_settings("r", wanted, name)
        assert (settings.batch, settings.ema) == (8, 0.9)
        assert settings.fad == FADSettings(pool="max", weight=0.3, taps=(4,))
    assert section["stages"]["a"] == {"batch": 2}
    for wrong in ("ema", "ema=", "=3"):
        with pytest.raises(UserError, match="NAME=VALUE"):
            overrides({}, [wrong])
    with pytest.raises(UserError, match=r"--set fad.taps=\[4: the value is no YAML"):
        overrides({}, ["fad.taps=[4"])
    assert training_settings("r", overrides({"batch": 4}, ["clip=null"])).clip is None


@pytest.mark.parametrize(("change", "message"), [
    ("nope=1", r"r: training.nope = 1: not permitted; there are .*batch, .*warm_up"),
    ("fad.pol=max", r"training.fad.pol = 'max': not permitted; there are .*pool"),
    ("fad=null", "training.fad = None: "),
])
def test_what_is_no_setting_is_refused_with_what_is(change, message):
    with pytest.raises(UserError, match=message):
        training_settings("r", overrides({}, [change]))


def plan(tmp_path, section, **changes):
    fields = {"stage": None, "start": None, "teacher": None, **changes}
    return Plan("flownas-small", section, tmp_path, 0, None, 1, 2, False, **fields)


def test_stages_begin_with_the_weights_of_the_one_before(tmp_path, monkeypatch):
    small = {"steps": 1, "batch": 1, "iterations": 1, "precision": "fp32", "fad": {"weight": 0},
             "render": {"height": 32, "width": 32},
             "stages": {"first": {},
                        "second": {"learning_rate": 1e-5, "fad": {"teacher": "first"}}}}
    monkeypatch.setattr("supernet.training.validation._PAIRS", 1)
    plan(tmp_path, small).train(["reference"], torch.device("cpu"))
    saved = [load_checkpoint(tmp_path / name / "reference" / CHECKPOINT, recipe="flownas-small",
                             network="reference") for name in ("first", "second")]
    assert "steps_before" not in saved[0].identity and saved[1].identity["steps_before"] == 1
    gap = max(float((a - saved[1].weights[name]).abs().max())
              for name, a in saved[0].weights.items() if "running" not in name)
    assert gap <= 2e-5  # one step at the second stage's rate
    with pytest.raises(UnknownNameError, match="unknown stage of recipe flownas-small 'third'"):
        plan(tmp_path, small, stage="third")
    small["stages"]["second"] = {"fad": {"teacher": "nobody"}}
    with pytest.raises(UnknownNameError, match=r"fad\.teacher of second.*'nobody'"):
        plan(tmp_path, small)


def test_data_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    section = read_recipe("flownas")["training"]
    made = Plan("flownas", section, tmp_path, 0, None, 1, 2, False, None, None, "chairs")
    with pytest.raises(UserError, match="trains on 'chairs'; name the folder.*--data rendered"):
        made.train(["reference"], torch.device("cpu"))
    assert not list(tmp_path.iterdir())
