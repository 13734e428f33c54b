"""What FP-NAS adds to PARSEC: samples by entropy, the switch to joint distributions, the price."""

import json

import numpy as np
import pytest
import torch

from evolution.prices import prices_of
from evolution.quantities import quantity
from evolution.requirements import QuantityRequirement
from luts.errors import CorruptFileError, UserError
from luts.fingerprint import space_hash
from luts.prices import Prices
from luts.spaces import load_space
from supernet.data.images.find import find_images
from supernet.data.images.source import ImageSource
from supernet.spaces.cell import CellSpace
from supernet.spaces.parsec import REFERENCE
from supernet.training.image_settings import ParsecSettings
from supernet.training.loop import train
from supernet.training.parsec import ParsecRule
from supernet.training.price import make_price
from supernet.training.progress import TrainingProgress
from supernet.training.run import TrainingRun
from supernet.training.sampling import gflops
from tests.evolution.classifiers import searched, trained
from tests.predictor.tables import make_table
from tests.supernet.images import tiny_image_settings
from tests.supernet.test_cells import TINY
from tests.supernet.test_classification import images

RECIPE = "fp-nas-darts-small"
SETTINGS = ["steps=4", "batch=8", "validation_images=12", "calibration_images=8", "precision=fp32",
            "parsec.per_nat=0.06", "parsec.joint_from=0.5"]


class Killed(Exception):
    pass


def made(**parsec):
    space = CellSpace("tiny", TINY, REFERENCE)
    settings = tiny_image_settings(parsec={"per_nat": 0.1, **parsec}, optimiser="adamw",
                                   learning_rate=0.01, batch=8)
    torch.manual_seed(0)
    return space, settings, ParsecRule(space, space.build_supernet(), settings)


def test_samples_follow_the_entropy():
    _, settings, rule = made()
    held = rule.distribution
    figures = rule.backward(batch(), np.random.default_rng(0))
    assert figures["samples"] == round(0.1 * held.entropy()) == 5
    with torch.no_grad():
        for logits in held.joint.values():
            logits[0] = 50.0
    again = rule.backward(batch(), np.random.default_rng(1))
    assert again["entropy"] < 1e-3 and again["samples"] == 1
    assert again["samples_total"] == 6 == int(held.drawn)
    assert settings.parsec.count(held.entropy()) == 1


def batch():
    found = images(8)
    found.images = torch.nn.functional.interpolate(found.images, (TINY.height, TINY.width))
    found.labels = found.labels % TINY.classes
    return found


@pytest.mark.parametrize(("progress", "joint"), [(0.0, False), (0.49, False), (0.5, True)])
def test_after_the_switch_combinations_are_learned(progress, joint):
    _, _, rule = made(joint_from=0.5)
    rule.backward(batch(), np.random.default_rng(0), progress)
    assert all((logits.grad is not None) == joint for logits in rule.distribution.joint.values())
    assert all((logits.grad is None) == joint for logits in rule.distribution.logits)


def training(folder, *, resume=False, stop_at=None):
    _, settings, rule = made(joint_from=0.5, per_nat=0.04)
    settings = settings.model_copy(update={"steps": 6})
    rule.settings = settings
    source = ImageSource(find_images("digits"), settings, TINY.height, TINY.width, 10)
    run = TrainingRun(folder, RECIPE, "supernet", settings, 0, {}, save_every=2, log_every=1)

    def shown(step):
        found = source.batch(step)
        found.labels = found.labels % TINY.classes
        return found

    def report(number, figures):
        if number == stop_at:
            raise Killed

    folder.mkdir(exist_ok=True)
    train(run, rule, lambda first: (shown(step) for step in range(first, 6)), resume=resume,
          report=report, validate=lambda: rule.held_out(batch()))
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return rule.network.state_dict(), log


def test_a_resumed_training_is_the_unbroken_one_across_the_switch(tmp_path):
    whole, log = training(tmp_path / "a")
    with pytest.raises(Killed):
        training(tmp_path / "b", stop_at=3)
    again, resumed = training(tmp_path / "b", resume=True)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    totals = [record["samples_total"] for record in log]
    assert totals == [record["samples_total"] for record in resumed]
    assert totals == np.cumsum([record["samples"] for record in log]).tolist()
    likely = [record["validation_loss_likeliest"] for record in log if record["step"] % 2 == 0]
    assert len(likely) == 3 and np.isfinite(likely).all()


def test_the_log_holds_the_last_of_what_is_counted(tmp_path):
    _, settings, rule = made()
    settings = settings.model_copy(update={"steps": 3})
    run = TrainingRun(tmp_path, RECIPE, "supernet", settings, 0, {}, log_every=3)
    rule.settings = run.settings
    last = train(run, rule, lambda first: (batch() for _ in range(first, 3)), resume=False,
                 report=lambda step, figures: None, validate=dict)
    assert last["samples_total"] == 3 * last["samples"] == int(rule.distribution.drawn)


def test_progress_tells_how_many_were_drawn(capsys):
    with TrainingProgress("supernet", 10, "error") as progress:
        progress.report(3, {"loss": 1.0, "error": 50.0, "samples": 16.0, "samples_total": 48.0})
    assert "error 50.000, 48 samples" in capsys.readouterr().err


def test_the_price_of_work_is_what_exceeds_the_target():
    space, _, _ = made()
    vectors = space.sample(np.random.default_rng(0), 6)
    work = np.array([gflops(space, vector) for vector in vectors])
    target = float(np.median(work))
    price = make_price(space, ParsecSettings(cost=0.3, target_gflops=target))
    assert price.over(vectors) == pytest.approx(np.maximum(0, work / target - 1))
    assert (price.over(vectors) > 0).sum() == 3


def priced(space, most):
    table = make_table(space, space.sample(np.random.default_rng(0), 6))
    limits = (QuantityRequirement(quantity("flops", space, table), most),)
    return prices_of(space, limits)


def test_prices_of_a_limit_cost_what_the_limit_says(tmp_path):
    """A limit on operations by a file is the target in operations, in every architecture."""
    space = load_space("parsec-chain-small")
    vectors = space.sample(np.random.default_rng(1), 20)
    target = float(np.median([gflops(space, vector) for vector in vectors]))
    prices = priced(space, target * 1e9)
    prices.save(tmp_path / "prices.json")
    (limit,) = prices.limits
    assert limit.error < 1e-9 and "flops" in limit.limit
    ours = make_price(space, ParsecSettings(cost=0.3, prices=tmp_path / "prices.json"))
    work = make_price(space, ParsecSettings(cost=0.3, target_gflops=target))
    assert ours.over(vectors) == pytest.approx(work.over(vectors), abs=1e-8)


def test_prices_tell_how_far_sums_are_from_what_a_cell_executes():
    space, _, _ = made()
    drawn = space.sample(np.random.default_rng(0), 2000)
    most = float(np.median([gflops(space, vector) for vector in drawn[:100]])) * 1e9
    (limit,) = priced(space, most).limits
    used = np.array([gflops(space, vector) for vector in drawn]) * 1e9 / most
    shares = Prices(space.name, space_hash(space), (limit,)).shares(space, drawn)[0]
    assert np.abs(shares - used).max() == pytest.approx(limit.error, rel=1e-6)
    assert limit.rest < 0


def test_prices_of_another_space_and_other_files_are_refused(tmp_path):
    space, _, _ = made()
    priced(space, 1e6).save(tmp_path / "prices.json")
    other = CellSpace("other", TINY, REFERENCE)
    with pytest.raises(UserError, match="are of space 'tiny'"):
        Prices.load(tmp_path / "prices.json", other)
    (tmp_path / "odd.json").write_text('{"format": "other"}')
    with pytest.raises(CorruptFileError, match=r"odd\.json"):
        Prices.load(tmp_path / "odd.json", space)
    with pytest.raises(UserError, match="no file"):
        Prices.load(tmp_path / "none.json", space)


@pytest.mark.parametrize(("fields", "message"), [
    ({"cost": 0.3}, "give target_gflops or prices"),
    ({"target_gflops": 1.0}, "target_gflops alone does nothing"),
    ({"cost": 0.3, "target_gflops": 1.0, "prices": "p.json"}, "not both"),
])
def test_a_cost_needs_a_target_and_a_target_a_cost(fields, message):
    with pytest.raises(UserError, match=message):
        make_price(None, ParsecSettings(**fields))


def test_dear_architectures_become_less_likely():
    space, _, rule = made(cost=5.0, target_gflops=1e-9, joint_from=1.0)
    cheap, dear = space.smallest.copy(), space.smallest.copy()
    dear[1] = 6
    rule.price = make_price(space, ParsecSettings(cost=5.0, target_gflops=gflops(space, cheap)))
    rule._move(np.stack([cheap, dear]), np.array([0.5, 0.5]), joint=False)
    gradient = rule.distribution.logits[1].grad
    assert gradient[6] > 0 > gradient[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fp-nas")
    trained(RECIPE, folder / "trained", SETTINGS)
    return folder


def test_the_search_that_follows_gives_the_likeliest_within_the_budget(run):
    """Trained, searched and verified by the same commands as everything else."""
    result, accuracy = searched(RECIPE, run / "search", run / "trained")
    assert result.verified, result.reason
    journal = (run / "search" / "journal.jsonl").read_text()
    events = [json.loads(line) for line in journal.splitlines()]
    scored = [e for e in events if e["event"] == "evaluated"]
    losses = [e["metrics"]["improbability"] for e in scored]
    assert losses == sorted(losses) and len(scored) == 10
    assert all(e["upper_ms"] <= result.constraint.latency_ms for e in scored)
    distribution = accuracy.trained.supernet.distribution
    assert any(float(logits.abs().max()) > 0 for logits in distribution.joint.values())
    best = np.array([scored[0]["vector"]])
    assert losses[0] == pytest.approx(-float(distribution.log_probability(best).detach()), abs=1e-4)


def test_the_digest_of_the_prices_is_part_of_a_training_and_their_place_is_not(run, tmp_path):
    from luts.spaces import load_space

    space = load_space(RECIPE)
    priced(space, 1e6).save(tmp_path / "prices.json")
    trained(RECIPE, tmp_path / "out", [*SETTINGS, "steps=1", "parsec.cost=0.3",
                                       f"parsec.prices={tmp_path / 'prices.json'}"])
    text = (tmp_path / "out" / "supernet" / "run.json").read_text()
    assert len(json.loads(text)["prices"]) == 64 and "prices.json" not in text
