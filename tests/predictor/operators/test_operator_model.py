import json
import os

import numpy as np
import pytest

from luts.errors import CorruptFileError, UnknownNameError, UserError
from luts.operator import Operator
from luts.target import load_target
from predictor.operator_model import DeviceFacts, OperatorModel
from predictor.operators.peers import Peers
from tests.predictor.operators.machines import convs, device, latency_ms, softmaxes

ONE = device("one")
OPERATORS = convs(300) + softmaxes(30)


def share(predicted, measured):
    return np.abs(predicted / measured - 1)


@pytest.fixture(scope="module")
def model():
    return OperatorModel.fit(OPERATORS, latency_ms(OPERATORS, ONE), ONE)


@pytest.fixture(scope="module")
def fleet():
    """Three devices of different speed and overhead, each with its own efficiency."""
    devices = [device("one"), device("two", 2.0), device("four", 4.0)]
    efficiencies, overheads = (0.55, 0.6, 0.65), (0.008, 0.01, 0.012)
    operators = convs(150, seed=3)
    times = [latency_ms(operators, d, overhead_ms=o, efficiency=e, seed=i)
             for i, (d, e, o) in enumerate(zip(devices, efficiencies, overheads, strict=True))]
    listed = [d for d in devices for _ in operators]
    return OperatorModel.fit(operators * 3, np.concatenate(times), listed)


def test_unseen_operators_are_predicted_better_than_by_the_roofline_alone(model):
    fresh = convs(200, seed=7)
    measured = latency_ms(fresh, ONE, seed=7)
    roof = np.array([max(op.flops / ONE.peak("fp32"), op.bytes_moved / ONE.bandwidth_gb_s) / 1e6
                     for op in fresh])
    ours = share(model.predict(fresh, ONE).latency_ms, measured).mean()
    scaled = share(roof * np.median(measured / roof), measured).mean()
    assert ours < 0.08
    assert ours < scaled / 2


def test_the_interval_holds_about_its_level_on_unseen_operators(model):
    fresh = convs(300, seed=8)
    measured = latency_ms(fresh, ONE, seed=8)
    guess = model.predict(fresh, ONE)
    inside = (guess.lower_ms <= measured) & (measured <= guess.upper_ms)
    assert inside.mean() >= 0.91
    assert (guess.lower_ms < guess.latency_ms).all() and (guess.latency_ms < guess.upper_ms).all()


def test_kinds_with_few_rows_have_wider_intervals(model):
    few = OperatorModel.fit(OPERATORS[:3], latency_ms(OPERATORS[:3], ONE), ONE)
    op = [OPERATORS[10]]
    many, little = model.predict(op, ONE), few.predict(op, ONE)
    assert little.upper_ms / little.latency_ms > 2 * (many.upper_ms / many.latency_ms)


def test_far_outside_the_trained_range_the_roofline_carries_the_scale(model):
    shapes = [(1, 256, 64 * k, 64 * k) for k in (1, 4, 16, 64)]
    ops = [Operator.make("conv", s, out=256, kernel=(3, 3), act="relu") for s in shapes]
    guess = model.predict(ops, ONE)
    growth = guess.latency_ms[1:] / guess.latency_ms[:-1]
    assert (growth > 10).all() and (growth < 24).all()  # 16 times the work each
    width = guess.upper_ms / guess.latency_ms
    assert width[3] > width[1] > width[0] * 0.999
    assert model.predict([Operator.make("conv", (1, 1, 1, 1), out=1, kernel=(1, 1), act="relu")],
                         ONE).latency_ms[0] > 0


def test_more_images_never_take_less_time_by_much(model):
    """Trees have steps; the physical part outweighs them."""
    for op in convs(20, seed=9):
        _, c, h, w = op.inputs[0]
        grown = [Operator("conv", ((n, c, h, w),), op.attributes) for n in (1, 2, 4, 8)]
        assert (np.diff(np.log(model.predict(grown, ONE).latency_ms)) > -0.1).all()


def test_words_that_training_lacked_widen_the_interval(model):
    known = Operator.make("conv", (1, 64, 32, 32), out=64, kernel=(3, 3), act="relu")
    other = Operator.make("conv", (1, 64, 32, 32), out=64, kernel=(3, 3), act="swish")
    guess = model.predict([known, other], ONE)
    width = guess.upper_ms / guess.latency_ms
    assert width[1] > width[0]


def test_unknown_kinds_are_named_and_never_free(model):
    with pytest.raises(UnknownNameError, match="'linear'.*conv, softmax"):
        model.predict([Operator.make("linear", (1, 8), out=8)], ONE)
    assert model.kinds == {"conv", "softmax"}


def test_equal_seeds_give_equal_models(model):
    again = OperatorModel.fit(OPERATORS, latency_ms(OPERATORS, ONE), ONE)
    first, second = model.predict(OPERATORS, ONE), again.predict(OPERATORS, ONE)
    assert (first.latency_ms == second.latency_ms).all()
    assert (first.upper_ms == second.upper_ms).all()


def test_a_device_that_was_not_measured_follows_its_data_sheet(fleet):
    fresh = convs(150, seed=11)
    three = device("three", 3.0)
    measured = latency_ms(fresh, three, efficiency=0.6, seed=11)
    guess = fleet.predict(fresh, three)
    assert share(guess.latency_ms, measured).mean() < 0.15
    known = fleet.predict(fresh, device("two", 2.0))
    assert (guess.upper_ms / guess.latency_ms > known.upper_ms / known.latency_ms).all()


def test_few_measurements_adapt_to_a_device_that_keeps_less_than_its_data_sheet(fleet):
    three = device("three", 3.0)
    fresh = convs(150, seed=12)
    measured = latency_ms(fresh, three, efficiency=0.25, overhead_ms=0.02, seed=12)
    before = fleet.predict(fresh[10:], three)
    adapted = fleet.adapt(fresh[:10], measured[:10], three)
    after = adapted.predict(fresh[10:], three)
    assert share(after.latency_ms, measured[10:]).mean() < 0.5 * share(
        before.latency_ms, measured[10:]
    ).mean()
    assert (after.upper_ms / after.latency_ms <= before.upper_ms / before.latency_ms).all()


def test_what_an_operator_showed_elsewhere_is_expected_on_the_next_device():
    devices = [device("one"), device("two", 2.0), device("four", 4.0), device("three", 3.0)]
    operators = convs(150, seed=21)
    # A property of each operator that no feature shows: another algorithm on every device.
    hidden = np.exp(0.3 * np.random.default_rng(5).standard_normal(150))
    times = [latency_ms(operators, d, seed=i) * hidden for i, d in enumerate(devices)]
    listed = [d for d in devices[:3] for _ in operators]
    model = OperatorModel.fit(operators * 3, np.concatenate(times[:3]), listed)
    assert model.models["conv"].peers.likeness > 0.5
    seen = share(model.predict(operators, devices[3]).latency_ms, times[3]).mean()
    fresh = convs(150, seed=22)
    unseen = share(
        model.predict(fresh, devices[3]).latency_ms,
        latency_ms(fresh, devices[3], seed=9) * np.roll(hidden, 1),
    ).mean()
    assert seen < 0.08
    assert unseen > 0.15


def test_operators_that_scatter_alone_share_nothing():
    rng = np.random.default_rng(0)
    operators = [op for op in convs(200) for _ in range(3)]
    alone = rng.standard_normal(600)
    assert Peers.fit(operators, alone, alone).likeness < 0.1
    missed = np.repeat(rng.standard_normal(200), 3)
    peers = Peers.fit(operators, missed, missed)
    assert peers.likeness > 0.95
    assert peers(convs(200))[:5] == pytest.approx(missed[:15:3], rel=0.05)
    # A model that follows the operator already needs no shift.
    assert np.abs(Peers.fit(operators, missed, 0 * missed)(convs(200))).max() < 0.1
    assert Peers.fit(convs(3), np.ones(3), np.ones(3)).shifts == {}


def test_a_model_comes_back_from_its_files(fleet, tmp_path):
    three = device("three", 3.0)
    adapted = fleet.adapt(convs(5), latency_ms(convs(5), three), three)
    adapted.save(tmp_path)
    back = OperatorModel.load(tmp_path)
    for facts in (three, device("two", 2.0), device("new", 5.0)):
        first, second = adapted.predict(convs(20), facts), back.predict(convs(20), facts)
        assert (first.latency_ms == second.latency_ms).all()
        assert (first.lower_ms == second.lower_ms).all()
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".ubj", ".parquet"}


def test_files_that_were_edited_truncated_or_absent_are_refused(model, tmp_path):
    model.save(tmp_path)
    trees = tmp_path / "conv.ubj"
    content = trees.read_bytes()
    trees.write_bytes(content[:-1])
    with pytest.raises(CorruptFileError, match=r"conv\.ubj is absent, truncated or edited"):
        OperatorModel.load(tmp_path)
    trees.write_bytes(content)
    sidecar = tmp_path / "operators.json"
    record = json.loads(sidecar.read_text())
    record["level"] = 0.5
    sidecar.write_text(json.dumps(record))
    with pytest.raises(CorruptFileError, match="edited"):
        OperatorModel.load(tmp_path)
    os.remove(sidecar)
    with pytest.raises(UserError, match="no file"):
        OperatorModel.load(tmp_path)


@pytest.mark.parametrize(
    ("operators", "times", "devices", "said"),
    [
        ([], [], ONE, "0 operators"),
        (convs(2), [1.0, np.nan], ONE, "nan ms"),
        (convs(2), [1.0, 0.0], ONE, "0.0 ms"),
        (convs(2), [1.0], ONE, "2 operators with 1 latencies"),
        (convs(2), [1.0, 1.0], [ONE, device("one", 2.0)], "both named 'one'"),
        ([Operator.make("dance", (1, 2))], [1.0], ONE, "unknown operator kind 'dance'"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(operators, times, devices, said):
    with pytest.raises(UserError, match=said):
        OperatorModel.fit(operators, np.array(times), devices)


def test_facts_are_checked():
    with pytest.raises(UserError, match="bandwidth_gb_s is 0"):
        device("x", bandwidth_gb_s=0)
    with pytest.raises(UserError, match="wanted fp32"):
        device("x", peak_gflops={"fp16": 1.0})
    with pytest.raises(UserError, match="no peak rate of int8"):
        ONE.peak("int8")
    assert ONE.peak("tf32") == ONE.peak("fp32")


def test_facts_of_targets():
    facts = DeviceFacts.of_target(load_target("rtx3090"))
    assert facts.peak("fp16") == 71000 and facts.multiprocessors == 82
    with pytest.raises(UserError, match="no data sheet facts"):
        DeviceFacts.of_target(load_target("cpu"))


def test_reached_rates_are_those_of_the_best_operators():
    ops = convs(50)
    times = latency_ms(ops, ONE, noise=0)
    facts = DeviceFacts.reached("cpu", ops, times, multiprocessors=2)
    rates = [op.flops / ms / 1e6 for op, ms in zip(ops, times, strict=True)]
    assert facts.peak("fp32") == pytest.approx(max(rates))
    with pytest.raises(UserError, match="does any arithmetic"):
        DeviceFacts.reached("cpu", [], np.array([]), multiprocessors=1)
