import numpy as np
import pytest

from luts.errors import UserError
from predictor.networks.few_shot import FewShotTransfer
from predictor.networks.gaussian import GaussianProcess, Task, evidence, tune
from predictor.networks.kernels import Part, Scales, winsorised
from predictor.networks.regression import NetworkRegression
from predictor.networks.rehearsal import leave_each_out

RNG = np.random.default_rng(0)
CHOICES = np.eye(3)[RNG.integers(0, 3, (400, 6))].reshape(400, -1)


def population(devices, seed=0, noise=0.01):
    """Additive costs per choice that devices share in part, shape (400, devices)."""
    rng = np.random.default_rng(seed)
    shared, own = rng.exponential(size=(2, 18, 1)), rng.exponential(size=(18, devices))
    mixture = rng.uniform(0.1, 0.9, devices)
    costs = shared[0] * mixture + shared[1] * (1 - mixture) + 0.2 * own
    clean = 1 + CHOICES @ costs
    return clean * np.exp(noise * rng.standard_normal(clean.shape))


TABLE = population(6)


def error(predicted, measured):
    return np.abs(predicted / measured - 1).mean()


def test_the_gradient_of_the_evidence_is_its_slope():
    parts = [Part.of("a", "linear", CHOICES[:30]), Part.of("b", "smooth", CHOICES[:30])]
    task = Task(parts, np.log(TABLE[:30, 0]) - np.log(TABLE[:30, 0]).mean())
    scales = Scales(-1.0, (-0.5, -1.0), (0.0, 0.3), -2.0)
    gradient = evidence(task, scales)[1]
    for place in range(len(scales.vector)):
        step = np.zeros(len(scales.vector))
        step[place] = 1e-5
        ends = [evidence(task, Scales.of(scales.vector + sign * step))[0] for sign in (1, -1)]
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-4)


def test_left_out_errors_are_those_of_really_leaving_out():
    parts = [Part.of("a", "smooth", CHOICES[:25])]
    targets = np.log(TABLE[:25, 0])
    scales = Scales(0.0, (0.0,), (0.0,), -1.0)
    missed, spread = GaussianProcess(Task(parts, targets), scales).left_out()
    keep = np.arange(1, 25)
    rest = GaussianProcess(Task([parts[0].take(keep)], targets[1:]), scales)
    mean, deviation = rest([parts[0].take(np.array([0]))])
    assert missed[0] == pytest.approx(targets[0] - mean[0], abs=1e-5)
    assert spread[0] == pytest.approx(deviation[0], abs=1e-5)


def test_tuning_raises_the_evidence():
    task = Task([Part.of("a", "linear", CHOICES[:60])], TABLE[:60, 0] - TABLE[:60, 0].mean())
    start = Scales(0.0, (0.0,), (0.0,), 0.0)
    assert evidence(task, tune([task], start))[0] > evidence(task, start)[0]


@pytest.mark.parametrize("shots", [1, 10, 30])
def test_few_measurements_beat_scaling_the_mean_device(shots):
    known, own = TABLE[:, 1:], TABLE[:, 0]
    rows = np.random.default_rng(1).permutation(400)[:shots]
    predicted, spread = FewShotTransfer(known, CHOICES).predict(rows, own[rows])
    mean = known.mean(axis=1)
    scaled = mean * np.median(own[rows] / mean[rows])
    assert error(predicted, own) < error(scaled, own) * (1.2 if shots == 1 else 0.8)
    assert (spread > 0).all() and (predicted > 0).all()


def test_more_measurements_help_and_seeds_repeat():
    known, own = TABLE[:, 1:], TABLE[:, 0]
    transfer = FewShotTransfer(known, CHOICES, seed=3)
    rows = np.random.default_rng(2).permutation(400)
    few, many = (error(transfer.predict(rows[:n], own[rows[:n]])[0], own) for n in (5, 60))
    assert many < few
    again = FewShotTransfer(known, CHOICES, seed=3).predict(rows[:5], own[rows[:5]])[0]
    assert (again == transfer.predict(rows[:5], own[rows[:5]])[0]).all()


def test_proposed_networks_are_distinct_and_no_worse_than_random_ones():
    known, own = TABLE[:, 1:], TABLE[:, 0]
    transfer = FewShotTransfer(known, CHOICES)
    chosen = transfer.propose(15)
    assert len(set(chosen.tolist())) == 15
    ours = error(transfer.predict(chosen, own[chosen])[0], own)
    drawn = [np.random.default_rng(s).permutation(400)[:15] for s in range(5)]
    assert ours < 1.1 * np.mean([error(transfer.predict(r, own[r])[0], own) for r in drawn])


def test_one_known_device_without_encoding_will_do():
    rows = np.arange(0, 400, 20)
    predicted, _ = FewShotTransfer(TABLE[:, 1:2]).predict(rows, TABLE[rows, 0])
    assert error(predicted, TABLE[:, 0]) < 0.2


def test_leaving_devices_out_judges_unmeasured_networks_of_each():
    found = leave_each_out(list("abcdef"), TABLE, CHOICES, 20)
    assert [item.device for item in found] == list("abcdef")
    assert np.mean([item.mape for item in found]) < np.mean([item.ridge_mape for item in found])
    assert all(item.spearman > 0.8 for item in found)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: FewShotTransfer(np.ones((4, 0))), "no known device"),
        (lambda: FewShotTransfer(np.array([[1.0], [0.0]])), "above 0 ms"),
        (lambda: FewShotTransfer(TABLE).predict([], np.array([])), "0 measurements"),
        (lambda: FewShotTransfer(TABLE).predict([1], np.array([-1.0])), "above 0 ms"),
        (lambda: NetworkRegression.fit([Part.of("a", "linear", CHOICES[:5])], TABLE[:5, 0]),
         "5 measured networks; at least 19"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(call, said):
    with pytest.raises(UserError, match=said):
        call()


def test_regression_finds_additive_costs_and_its_interval_holds():
    parts = [Part.of("a", "linear", CHOICES), Part.of("b", "smooth", CHOICES)]
    learn, judge = np.arange(150), np.arange(150, 400)
    model = NetworkRegression.fit([p.take(learn) for p in parts], TABLE[learn, 0])
    latency, lower, upper = model.predict([p.take(judge) for p in parts])
    assert error(latency, TABLE[judge, 0]) < 0.02
    assert ((lower <= TABLE[judge, 0]) & (TABLE[judge, 0] <= upper)).mean() > 0.9
    assert set(model.left_out) == {"logarithm", "root", "latency"}


def test_drift_is_told_apart_by_the_order_of_measurement():
    order = np.arange(400)[:, None] / 100
    drifting = TABLE[:, 0] * np.where(order[:, 0] > 2, 1.2, 1.0)
    parts = [Part.of("a", "linear", CHOICES)]
    timed = [*parts, Part("t", "smooth", order)]
    rows = np.random.default_rng(0).permutation(400)
    learn, judge = rows[:300], rows[300:]
    errors = []
    for described in (parts, timed):
        model = NetworkRegression.fit([p.take(learn) for p in described], drifting[learn])
        errors.append(error(model.predict([p.take(judge) for p in described])[0], drifting[judge]))
    assert errors[1] < 0.5 * errors[0]


def test_single_values_far_out_are_pulled_in():
    values = np.append(np.linspace(-1, 1, 50), 1000.0)
    assert winsorised(values).max() < 10
    assert (winsorised(values)[:50] == values[:50]).all()
    assert (winsorised(np.ones(5)) == 1).all()
